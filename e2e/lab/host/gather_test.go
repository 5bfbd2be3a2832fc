// SPDX-License-Identifier: Apache-2.0

package host

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

func mkdirs(root string, dirs ...string) error {
	for _, dir := range dirs {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	return nil
}

func TestGatherSeesTheState(t *testing.T) {
	t.Parallel()
	paths := layout.Paths{State: filepath.Join(t.TempDir(), "state")}
	before, err := Gather(paths)
	require.NoError(t, err)
	assert.Empty(t, before.StateEntries)
	assert.Contains(t, before.Links, "lo")

	require.NoError(t, Claim(paths))
	after, err := Gather(paths)
	require.NoError(t, err)
	assert.Equal(t, []string{marker}, after.StateEntries)
}

func TestDelegateFillsACpuset(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	require.NoError(t, mkdirs(root, "group"))
	require.NoError(t, os.WriteFile(filepath.Join(root, "cpuset.cpus"), []byte("0-1\n"), 0o600))
	require.NoError(t, delegate(root, filepath.Join(root, "group")))
	content, err := os.ReadFile(filepath.Join(root, "group", "cpuset.cpus"))
	require.NoError(t, err)
	assert.Equal(t, "0-1\n", string(content))
}

func TestDelegateEnablesControllersOfVersion2(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	require.NoError(t, mkdirs(root, "group"))
	require.NoError(t, os.WriteFile(filepath.Join(root, "cgroup.controllers"), []byte("cpu"), 0o600))
	require.NoError(t, delegate(root, filepath.Join(root, "group")))
	for _, dir := range []string{root, filepath.Join(root, "group")} {
		content, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
		require.NoError(t, err)
		assert.Equal(t, "+cpu", string(content))
	}
}
