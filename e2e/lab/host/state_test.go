// SPDX-License-Identifier: Apache-2.0

package host

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

func TestRemoveStateTakesOnlyWhatIsTheLabs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	paths := layout.Paths{State: filepath.Join(dir, "state"), Run: filepath.Join(dir, "run")}
	require.NoError(t, RemoveState(paths), "nothing there")

	require.NoError(t, Claim(paths))
	require.NoError(t, mkdirs(dir, "state/etcd/member", "run/containerd"))
	require.NoError(t, RemoveState(paths))
	assert.NoDirExists(t, paths.State)
	assert.NoDirExists(t, paths.Run)

	require.NoError(t, mkdirs(dir, "state/of-somebody-else", "run/containerd"))
	require.ErrorContains(t, RemoveState(paths), "of-somebody-else")
	assert.DirExists(t, filepath.Join(paths.State, "of-somebody-else"))
	assert.DirExists(t, paths.Run, "nothing is removed by half")
}

// A state directory that is a mount point must stay one: what it hides is not the lab's.
func TestUnmountBelowLeavesTheDirectoryItself(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	dir := t.TempDir()
	paths := layout.Paths{State: filepath.Join(dir, "state"), Run: filepath.Join(dir, "run")}
	require.NoError(t, mkdirs(dir, "state/hidden"))
	mount := func(target string) {
		require.NoError(t, command.Run(t.Context(), "mount", "-t", "tmpfs", "none", target))
		t.Cleanup(func() { _ = unmount([]string{target}) })
	}
	mount(paths.State)
	require.NoError(t, Claim(paths))
	require.NoError(t, mkdirs(paths.State, "below"))
	mount(filepath.Join(paths.State, "below"))

	count, err := UnmountBelow(paths.State)
	require.NoError(t, err)
	assert.Equal(t, 1, count)
	require.NoError(t, RemoveState(paths))

	require.NoError(t, unmount([]string{paths.State}))
	assert.DirExists(t, filepath.Join(paths.State, "hidden"))
}
