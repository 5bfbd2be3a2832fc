// SPDX-License-Identifier: Apache-2.0

package dist_test

import (
	"debug/elf"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/e2e/dist"
	"github.com/k0smotron/k0smotron/e2e/image"
)

func TestWriteRepository(t *testing.T) {
	t.Parallel()
	manifests := render(t, fixture, bootstrap())
	layout := dist.Layout{Out: t.TempDir()}
	require.NoError(t, dist.WriteRepository(fixture, layout, bootstrap(), manifests))
	require.NoError(t, dist.WriteClusterctl(layout, dist.Providers()))

	metadata, err := os.ReadFile(filepath.Join(fixture, "bootstrap/metadata.yaml"))
	require.NoError(t, err)
	files := readDir(t, layout.Out)
	assert.Equal(t, manifests.YAML, files["bootstrap-k0smotron/v0.1.0/bootstrap-components.yaml"])
	assert.Equal(t, metadata, files["bootstrap-k0smotron/v0.1.0/metadata.yaml"])
	assert.Len(t, files, 3)
}

func TestWriteRepositoryNeedsMetadata(t *testing.T) {
	t.Parallel()
	err := dist.WriteRepository(
		t.TempDir(),
		dist.Layout{Out: t.TempDir()},
		bootstrap(),
		render(t, fixture, bootstrap()),
	)
	assert.ErrorContains(t, err, "metadata.yaml")
}

func TestWriteClusterctl(t *testing.T) {
	t.Parallel()
	layout := dist.Layout{Out: t.TempDir()}
	require.NoError(t, dist.WriteClusterctl(layout, dist.Providers()))
	text, err := os.ReadFile(layout.Clusterctl())
	require.NoError(t, err)
	var got struct {
		Providers []struct{ Name, Type, URL string }
	}
	require.NoError(t, yaml.UnmarshalStrict(text, &got))
	require.Len(t, got.Providers, 3)
	assert.Equal(t, "k0smotron", got.Providers[0].Name)
	assert.Equal(t, "BootstrapProvider", got.Providers[0].Type)
	assert.Equal(t, "file://"+layout.Out+"/bootstrap-k0smotron/latest/bootstrap-components.yaml", got.Providers[0].URL)
	assert.Equal(t, "ControlPlaneProvider", got.Providers[1].Type)
	assert.Equal(
		t,
		"file://"+layout.Out+"/control-plane-k0smotron/latest/control-plane-components.yaml",
		got.Providers[1].URL,
	)
	assert.Equal(t, "k0smotron-machines", got.Providers[2].Name)
	assert.Equal(
		t,
		"file://"+layout.Out+"/control-plane-k0smotron-machines/latest/control-plane-components.yaml",
		got.Providers[2].URL,
	)
}

func TestManagerImage(t *testing.T) {
	t.Parallel()
	manager := filepath.Join(t.TempDir(), "manager")
	require.NoError(t, os.WriteFile(manager, []byte("binary"), 0o600))
	archive := filepath.Join(t.TempDir(), "image.tar")
	require.NoError(t, image.Write(archive, dist.ManagerImage(bootstrap(), "v0.1.0", manager)))

	img, err := tarball.ImageFromPath(archive, nil)
	require.NoError(t, err)
	config, err := img.ConfigFile()
	require.NoError(t, err)
	assert.Equal(t, []string{"/manager"}, config.Config.Entrypoint)
	assert.Equal(t, "65532:65532", config.Config.User)
	assert.Equal(t, "v0.1.0", config.Config.Labels["org.opencontainers.image.version"])
}

func TestBuildManagerIsStatic(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	module := filepath.Join(root, "bootstrap")
	require.NoError(t, os.MkdirAll(module, 0o750))
	require.NoError(
		t,
		os.WriteFile(filepath.Join(module, "go.mod"), []byte("module example.org/m\n\ngo 1.26.0\n"), 0o600),
	)
	source := filepath.Join(module, "main.go")
	require.NoError(t, os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600))
	output := filepath.Join(root, "manager")
	require.NoError(t, dist.BuildManager(t.Context(), root, bootstrap(), "v0.1.0", output))
	assertStatic(t, output)

	require.NoError(t, os.WriteFile(source, []byte("package main\n\nfunc main() { x }\n"), 0o600))
	assert.ErrorContains(t, dist.BuildManager(t.Context(), root, bootstrap(), "v0.1.0", output), "undefined: x")
}

func assertStatic(t *testing.T, program string) {
	t.Helper()
	file, err := elf.Open(program)
	require.NoError(t, err)
	defer file.Close()
	libraries, err := file.ImportedLibraries()
	require.NoError(t, err)
	assert.Empty(t, libraries)
	for _, part := range file.Progs {
		assert.NotEqual(t, elf.PT_INTERP, part.Type, "a static program needs no loader")
	}
}
