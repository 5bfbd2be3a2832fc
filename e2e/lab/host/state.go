// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// RemoveState removes the lab's directories. It refuses a state directory without the lab's marker that holds anything,
// as Check does: those files are somebody else's, or of a directory that a mount was hiding a moment ago.
func RemoveState(paths layout.Paths) error {
	entries, err := os.ReadDir(paths.State)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("reading the state directory: %w", err)
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if err := stateCollision(Facts{StateEntries: names}); err != nil {
		return err
	}
	for _, dir := range []string{paths.Run, paths.State} {
		if err := removeContents(dir); err != nil {
			return err
		}
	}
	return nil
}

// removeContents empties a directory, the marker last so that an interrupted removal can be repeated, and then removes
// the directory itself unless it is a mount point.
func removeContents(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("removing files: %w", err)
	}
	for _, entry := range entries {
		if entry.Name() == marker {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return fmt.Errorf("removing files: %w", err)
		}
	}
	if err := os.Remove(filepath.Join(dir, marker)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing files: %w", err)
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, syscall.EBUSY) {
		return fmt.Errorf("removing files: %w", err)
	}
	return nil
}
