// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMemoryIsEmptiedBeforeItGoes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "member", "wal"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "member", "wal", "0.wal"), []byte("log"), 0o600))
	// Where nothing is mounted the kernel says so; only root may ask it.
	if err := RemoveMemory(dir); !errors.Is(err, syscall.EPERM) {
		require.NoError(t, err)
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestMemoryThatIsNotThereIsRemoved(t *testing.T) {
	t.Parallel()
	require.NoError(t, RemoveMemory(filepath.Join(t.TempDir(), "none")))
}

func TestMemoryOfAMountPointIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	require.NoError(t, EnsureMemory("/proc"), "something is mounted there")
}

func TestMemoryNeedsADirectory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.ErrorContains(t, EnsureMemory(filepath.Join(file, "etcd")), "making a directory in memory")
}
