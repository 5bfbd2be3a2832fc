// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

func paths(t *testing.T) layout.Paths {
	t.Helper()
	dir := t.TempDir()
	return layout.Paths{State: filepath.Join(dir, "state"), Repo: filepath.Join(dir, "repo")}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, layout.Write(path, []byte(content), 0o600))
}

func TestReleasedTakesWhatDistHolds(t *testing.T) {
	t.Parallel()
	p := paths(t)
	none, err := Released(p)
	require.NoError(t, err)
	assert.Empty(t, none)

	components := filepath.Join("bootstrap-k0smotron", "v0.1.0", "bootstrap-components.yaml")
	write(t, filepath.Join(p.Dist(), components), "kind: Namespace")
	found, err := Released(p)
	require.NoError(t, err)
	require.Len(t, found, 1)
	assert.Equal(t, "k0smotron", found[0].Name)
	assert.Equal(t, filepath.Join(p.Dist(), "images", "k0smotron-bootstrap-v0.1.0.tar"), found[0].Archive)
	content, err := os.ReadFile(filepath.Join(p.Repository(), components))
	require.NoError(t, err)
	assert.Equal(t, "kind: Namespace", string(content), "unchanged")
}

func TestDigestFollowsComponentsAndImage(t *testing.T) {
	t.Parallel()
	p := paths(t)
	provider := Provider{Label: "l", Version: "v1", Components: "c.yaml", Archive: filepath.Join(p.State, "image.tar")}
	seen := map[string]bool{}
	for _, change := range []string{"components", "image"} {
		write(t, filepath.Join(provider.Dir(p), "c.yaml"), "kind: A")
		write(t, provider.Archive, "image")
		before, err := provider.Digest(p)
		require.NoError(t, err)
		if change == "image" {
			write(t, provider.Archive, "another")
		} else {
			write(t, filepath.Join(provider.Dir(p), "c.yaml"), "kind: B")
		}
		after, err := provider.Digest(p)
		require.NoError(t, err)
		assert.NotEqual(t, before, after)
		seen[before], seen[after] = true, true
	}
	assert.Len(t, seen, 3)
}

func TestNames(t *testing.T) {
	t.Parallel()
	providers := []Provider{
		{
			Name: "z",
			Type: "ControlPlaneProvider",
		},
		{Name: "a", Type: "ControlPlaneProvider"},
		{Name: "c", Type: "CoreProvider"},
	}
	assert.Equal(t, []string{"a", "z"}, Names(providers, "ControlPlaneProvider"))
	assert.Equal(t, []string{"-"}, Names(providers, "BootstrapProvider"), "or clusterctl adds kubeadm's")
}

func TestWriteConfig(t *testing.T) {
	t.Parallel()
	p := paths(t)
	require.NoError(t, WriteConfig(p, []Provider{
		{Name: "lab", Type: "InfrastructureProvider", Label: "infrastructure-lab", Components: "c.yaml"},
	}))
	content, err := os.ReadFile(p.ClusterctlConfig())
	require.NoError(t, err)
	var config map[string]any
	require.NoError(t, yaml.Unmarshal(content, &config))
	assert.Equal(t, map[string]any{
		"cert-manager": map[string]any{"externallyProvisioned": "true"}, // clusterctl wants a string
		"providers": []any{map[string]any{
			"name": "lab", "type": "InfrastructureProvider",
			"url": "file://" + p.Repository() + "/infrastructure-lab/latest/c.yaml",
		}},
	}, config)
}
