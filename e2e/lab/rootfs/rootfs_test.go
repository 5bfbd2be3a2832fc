// SPDX-License-Identifier: Apache-2.0

package rootfs

import (
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNameIsStableAndFitForAPath(t *testing.T) {
	first, err := Name()
	require.NoError(t, err)
	second, err := Name()
	require.NoError(t, err)
	assert.Equal(t, first, second)
	assert.Regexp(t, `^rootfs-[0-9a-f]{12}$`, first)
}

func TestEnsureTakesWhatIsInTheCache(t *testing.T) {
	name, err := Name()
	require.NoError(t, err)
	cache := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(cache, name), 0o755))

	dir, err := Ensure(t.Context(), cache, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(cache, name), dir)
}

func TestEnsureLeavesNothingHalfBuilt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	cache := t.TempDir()

	_, err := Ensure(t.Context(), cache, io.Discard)
	require.ErrorContains(t, err, "debootstrap")
	left, err := os.ReadDir(cache)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestCopyFilesKeepsTheTree(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, copyFiles(root))

	copied := 0
	require.NoError(t, fs.WalkDir(files, "files", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		copied++
		want, err := files.ReadFile(path)
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(root, path[len("files"):]))
		require.NoError(t, err)
		assert.Equal(t, want, got, path)
		return nil
	}))
	assert.Equal(t, 3, copied)
}

func TestSetupIsASoundScript(t *testing.T) {
	require.NoError(t, exec.Command("sh", "-n", "setup.sh").Run())
}
