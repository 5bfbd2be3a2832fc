// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// EnsureMemory mounts a file system in memory on a directory, unless one is there.
func EnsureMemory(dir string) error {
	held, err := mounts(dir)
	if err != nil || slices.Contains(held, dir) {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making a directory in memory: %w", err)
	}
	if err := syscall.Mount("k0slab", dir, "tmpfs", 0, "mode=0755,size=2g"); err != nil {
		return fmt.Errorf("mounting memory on %s: %w", dir, err)
	}
	return nil
}

// RemoveMemory empties such a directory and unmounts it. Another mount namespace may still see it: it is empty there, too,
// and takes no memory. A directory that is not there is no error.
func RemoveMemory(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("emptying a directory in memory: %w", err)
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return fmt.Errorf("emptying a directory in memory: %w", err)
		}
	}
	return unmount([]string{dir})
}
