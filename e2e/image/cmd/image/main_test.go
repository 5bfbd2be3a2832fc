// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRunWritesWhatTheFlagsSay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	binary := filepath.Join(dir, "manager")
	require.NoError(t, os.WriteFile(binary, []byte("binary"), 0o600))
	archive := filepath.Join(dir, "image.tar")

	require.NoError(t, run([]string{
		"-output", archive, "-name", "example.org/manager:v1", "-user", "65532", "-workdir", "/w", "-arch", "arm64",
		"-compression", "gzip", "-file", "/manager=" + binary, "-entrypoint", "/manager", "-entrypoint", "run",
		"-cmd", "--help", "-env", "A=b",
	}, io.Discard))

	img, err := tarball.ImageFromPath(archive, nil)
	require.NoError(t, err)
	config, err := img.ConfigFile()
	require.NoError(t, err)
	assert.Equal(t, "linux/arm64", config.Platform().String())
	assert.Equal(t, []string{"/manager", "run"}, config.Config.Entrypoint)
	assert.Equal(t, []string{"--help"}, config.Config.Cmd)
	assert.Equal(t, []string{"A=b"}, config.Config.Env)
	assert.Equal(t, "65532", config.Config.User)
	assert.Equal(t, "/w", config.Config.WorkingDir)
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		arguments []string
		want      string
	}{
		"NoOutput":          {[]string{"-name", "example.org/manager:v1"}, "-output is not set"},
		"FileWithoutSource": {[]string{"-file", "/manager"}, "want path=source"},
		"NoName":            {[]string{"-output", filepath.Join(t.TempDir(), "image.tar")}, "reading its name"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.ErrorContains(t, run(test.arguments, io.Discard), test.want)
		})
	}
}
