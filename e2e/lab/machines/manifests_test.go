// SPDX-License-Identifier: Apache-2.0

package machines

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/e2e/lab/k0s"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

func TestClustersAreWholeAndNameTheK0sThatIsServed(t *testing.T) {
	workers := []string{"MachineDeployment", "K0sWorkerConfigTemplate", "LabMachineTemplate"}
	for dir, want := range map[string][]string{
		"demo":     append([]string{"Cluster", "LabCluster", "K0smotronControlPlane"}, workers...),
		"machines": append([]string{"Cluster", "LabCluster", "K0sControlPlane", "LabMachineTemplate"}, workers...),
	} {
		t.Run(dir, func(t *testing.T) {
			rendered, err := Manifests(prepared(t), "../../testdata/"+dir)
			require.NoError(t, err)
			sum := sha256.Sum256([]byte("k0s"))
			assert.Contains(t, rendered, `sha256: "`+hex.EncodeToString(sum[:])+`"`)
			assert.Contains(t, rendered, "arch: "+layout.Arch())
			assert.NotContains(t, rendered, "${")

			var kinds []string
			for document := range strings.SplitSeq(rendered, "---\n") {
				var object struct{ Kind string }
				require.NoError(t, yaml.Unmarshal([]byte(document), &object))
				kinds = append(kinds, object.Kind)
			}
			assert.ElementsMatch(t, want, kinds)
		})
	}
}

// Both kinds of cluster have the same workers.
func TestWorkersAreThoseOfTheDemo(t *testing.T) {
	demo, err := os.ReadFile("../../testdata/demo/workers.yaml")
	require.NoError(t, err)
	machines, err := os.ReadFile("../../testdata/machines/workers.yaml")
	require.NoError(t, err)
	assert.Equal(t, string(demo), string(machines))
}

func TestManifestsAreComplete(t *testing.T) {
	p := prepared(t)
	_, err := Manifests(p, t.TempDir())
	require.ErrorContains(t, err, "none in")

	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.yaml"), []byte("a: ${ARCH}\nb: ${SECRET}\n"), 0o600))
	_, err = Manifests(p, dir)
	require.ErrorContains(t, err, "unknown variables: SECRET")

	_, err = Manifests(layout.Paths{State: t.TempDir()}, dir)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// prepared is a lab that serves the text "k0s" as k0s.
func prepared(t *testing.T) layout.Paths {
	t.Helper()
	p := layout.Paths{State: t.TempDir(), Run: t.TempDir()}
	binary := filepath.Join(t.TempDir(), "k0s")
	require.NoError(t, os.WriteFile(binary, []byte("k0s"), 0o600))
	require.NoError(t, writeConfig(p, compose(p, k0s.Binary{Path: binary}, "/rootfs", "/images.tar")))
	return p
}
