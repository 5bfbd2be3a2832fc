// SPDX-License-Identifier: Apache-2.0

package dist_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/dist"
)

// helm runs the helm that HELM names; `make verify` sets it.
func helm(t *testing.T, arguments ...string) (stdout []byte, message string, err error) {
	t.Helper()
	program := os.Getenv("HELM")
	if program == "" {
		t.Skip("HELM is not set; make verify builds helm and runs this test")
	}
	cmd := exec.CommandContext(t.Context(), program, arguments...)
	cmd.Env = append(
		os.Environ(),
		"HELM_CACHE_HOME="+t.TempDir(),
		"HELM_CONFIG_HOME="+t.TempDir(),
		"HELM_DATA_HOME="+t.TempDir(),
	)
	var output, errors bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &errors
	err = cmd.Run()
	return output.Bytes(), errors.String(), err
}

func chartArchive(t *testing.T, p dist.Provider, manifests dist.Manifests) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "chart.tgz")
	require.NoError(t, newChart(t, p, manifests).WriteArchive(path))
	return path
}

func TestHelmAgrees(t *testing.T) {
	t.Parallel()
	eachProvider(t, func(t *testing.T, p dist.Provider, manifests dist.Manifests) {
		t.Helper()
		archive := chartArchive(t, p, manifests)
		rendered, message, err := helm(t, "template", "release", archive)
		require.NoError(t, err, message)
		objects, err := dist.Parse(rendered)
		require.NoError(t, err)
		assertSame(t, manifests.Objects, objects)

		report, message, err := helm(t, "lint", "--strict", archive)
		assert.NoError(t, err, "%s%s", report, message)
	})
}

func TestHelmUsesValues(t *testing.T) {
	t.Parallel()
	manifests := render(t, fixture, bootstrap())
	chart := newChart(t, bootstrap(), manifests)
	archive := chartArchive(t, bootstrap(), manifests)
	rendered, message, err := helm(t, "template", "release", archive, "--namespace", "elsewhere", "--set",
		"namespace=elsewhere,replicas=2,image.repository=example.org/mine,image.tag=v9,resources.requests.cpu=1")
	require.NoError(t, err, message)
	objects, err := dist.Parse(rendered)
	require.NoError(t, err)
	want := evaluate(t, chart, "elsewhere", map[string]any{
		"namespace": "elsewhere", "replicas": 2,
		"image": map[string]any{"repository": "example.org/mine", "tag": "v9"},
		"resources": map[string]any{
			"limits":   map[string]any{"memory": "256Mi"},
			"requests": map[string]any{"cpu": 1, "memory": "64Mi"},
		},
	})
	for _, object := range want {
		annotations := object.GetAnnotations()
		delete(annotations, dist.KeepAnnotation)
		object.SetAnnotations(annotations)
	}
	assertSame(t, want, objects)
}

func TestHelmRefusesMisspeltValues(t *testing.T) {
	t.Parallel()
	archive := chartArchive(t, bootstrap(), render(t, fixture, bootstrap()))
	for _, setting := range []string{"replica=2", "image.name=x", "replicas=many", "namespace=Not_A_Name", "resources.limit.cpu=1"} {
		_, message, err := helm(t, "template", "release", archive, "--set", setting)
		require.Error(t, err, setting)
		assert.Contains(t, message, "values don't meet the specifications of the schema", setting)
	}
}
