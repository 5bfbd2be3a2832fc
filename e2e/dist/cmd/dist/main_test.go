// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/dist"
)

const repository = "../../../.."

func TestRunWritesTheCharts(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, p := range dist.Providers() {
		config := filepath.Join(p.Folder, "config")
		require.NoError(t, os.CopyFS(filepath.Join(root, config), os.DirFS(filepath.Join(repository, config))))
	}
	require.NoError(t, run(t.Context(), []string{"-root", root, "chart"}, io.Discard))
	for _, p := range dist.Providers() {
		want, err := os.ReadFile(filepath.Join(p.ChartDir(repository), "values.yaml"))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(p.ChartDir(root), "values.yaml"))
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got))
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		arguments []string
		want      string
	}{
		"Nothing":       {nil, "want one of all, chart, image"},
		"Unknown":       {[]string{"publish"}, "want one of all, chart, image"},
		"UnknownFlag":   {[]string{"-no"}, "flag provided but not defined"},
		"NoRepository":  {[]string{"-root", t.TempDir(), "chart"}, "rendering"},
		"NothingToShip": {[]string{"-root", t.TempDir(), "-out", t.TempDir(), "all"}, "rendering"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.ErrorContains(t, run(t.Context(), test.arguments, io.Discard), test.want)
		})
	}
}
