// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/lifecycle/footprint"
)

func TestParametersComeBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	names := []string{"kernel/panic", "vm/overcommit_memory", "kernel/unknown-here"}
	require.NoError(t, layout.Write(filepath.Join(dir, "kernel/panic"), []byte("0\n"), 0o644))
	require.NoError(t, layout.Write(filepath.Join(dir, "vm/overcommit_memory"), []byte("0\n"), 0o644))
	former, err := readParameters(dir, names)
	require.NoError(t, err)
	assert.Len(t, former, 2)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "kernel/panic"), []byte("10\n"), 0o600))
	require.NoError(t, os.Chmod(filepath.Join(dir, "vm/overcommit_memory"), 0o444))
	require.NoError(t, writeParameters(dir, former))
	restored, err := readParameters(dir, names)
	require.NoError(t, err)
	assert.Equal(t, former, restored)
}

func TestParametersAreRememberedOnce(t *testing.T) {
	t.Parallel()
	lab := &Lab{Paths: layout.Paths{State: t.TempDir()}}
	require.NoError(t, lab.restoreParameters(), "nothing to restore")
	require.NoError(t, lab.rememberParameters())
	content, err := os.ReadFile(lab.formerParameters())
	require.NoError(t, err)
	for _, name := range footprint.KubeletParameters() {
		if _, err := os.Stat(filepath.Join(parametersDir, name)); err == nil {
			assert.Contains(t, string(content), name)
		}
	}
	require.NoError(t, lab.restoreParameters(), "what is as it was is not written, which takes no root")

	require.NoError(t, os.WriteFile(lab.formerParameters(), []byte("{}"), 0o600))
	require.NoError(t, lab.rememberParameters())
	content, err = os.ReadFile(lab.formerParameters())
	require.NoError(t, err)
	assert.Equal(t, "{}", string(content), "a lab that runs has changed them already")
}

func TestPackagesAddUp(t *testing.T) {
	t.Parallel()
	lab := &Lab{Paths: layout.Paths{Cache: t.TempDir()}}
	note, err := lab.listPackages(t.Context())
	require.NoError(t, err)
	assert.Contains(t, note, "none")
	require.NoError(t, lab.rememberPackages([]string{"runc", "containerd"}))
	require.NoError(t, lab.rememberPackages([]string{"debootstrap", "runc"}))
	note, err = lab.listPackages(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "containerd debootstrap runc", note)
}
