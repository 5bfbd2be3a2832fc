// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

const testdata = "../../testdata"

func TestTemplatesAreMadeOfTheDemosClusters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, writeTemplates(testdata, dir))
	for name, kind := range map[string]string{
		"cluster-template.yaml": "K0smotronControlPlane", "cluster-template-machines.yaml": "K0sControlPlane",
	} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		text := string(content)
		assert.NotContains(t, text, "demo", name)
		assert.NotContains(t, text, "#", name)
		assert.Contains(t, text, "replicas: ${WORKER_MACHINE_COUNT:=1}", name)

		var kinds []string
		for document := range strings.SplitSeq(text, "---\n") {
			var object struct {
				Kind     string            `json:"kind"`
				Metadata map[string]string `json:"metadata"`
			}
			require.NoError(t, yaml.Unmarshal([]byte(document), &object), document)
			assert.Equal(t, "${NAMESPACE}", object.Metadata["namespace"])
			assert.True(t, strings.HasPrefix(object.Metadata["name"], "${CLUSTER_NAME}"), object.Metadata["name"])
			kinds = append(kinds, object.Kind)
		}
		assert.Contains(t, kinds, kind, name)
		assert.Contains(t, kinds, "Cluster", name)
	}
}

func TestTheTemplateOnMachinesCountsControllers(t *testing.T) {
	t.Parallel()
	template, err := clusterTemplate(filepath.Join(testdata, "machines"))
	require.NoError(t, err)
	assert.Contains(t, string(template), "\n  replicas: ${CONTROL_PLANE_MACHINE_COUNT:=1}\n  version: ")
	assert.Contains(t, string(template), `sha256: "${K0S_SHA256}"`)
}

func TestATemplateNeedsManifests(t *testing.T) {
	t.Parallel()
	_, err := clusterTemplate(t.TempDir())
	require.ErrorContains(t, err, "no manifests")
	require.Error(t, writeTemplates(t.TempDir(), t.TempDir()))
}
