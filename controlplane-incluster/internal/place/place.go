// SPDX-License-Identifier: Apache-2.0

// Package place copies certificates and configuration to where k0s looks for them. It is what the subcommand place of
// the manager does, in an init container of the control plane pod: so it works with every k0s image and needs no shell.
//
// k0s wants to own its keys: at every start it sets owners and modes of what it finds, which a Secret volume does not
// let it do. So the files are copied, with the modes that k0s itself gives them. Each file appears whole or not at all:
// it is written beside its place and renamed, also over a file that k0s has given to another user by then.
package place

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Modes of what is placed: those that k0s gives its own files.
const (
	modeTop  fs.FileMode = 0o755
	modePKI  fs.FileMode = 0o751
	modeKey  fs.FileMode = 0o640 // kube-apiserver runs with root's group
	modeCert fs.FileMode = 0o644
	modeYAML fs.FileMode = 0o600

	// modeAuthentication lets kube-apiserver, which is another user, read its configuration. It holds no secret.
	modeAuthentication fs.FileMode = 0o644

	// partSuffix marks a file that is not whole yet.
	partSuffix = ".part"
)

// Files copies every file below from to the same place below to. It can be repeated any number of times.
func Files(from, to string) error {
	if err := folder(to, modeTop); err != nil {
		return err
	}
	source, err := os.OpenRoot(from)
	if err != nil {
		return fmt.Errorf("opening %s: %w", from, err)
	}
	defer func() { _ = source.Close() }()
	names, err := filesIn(source.FS(), ".")
	if err != nil {
		return fmt.Errorf("listing %s: %w", from, err)
	}
	if len(names) == 0 {
		return fmt.Errorf("nothing to place in %s", from)
	}
	for _, name := range names {
		content, err := source.ReadFile(name)
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		if err := place(filepath.Join(to, name), content, modeOf(name)); err != nil {
			return fmt.Errorf("placing %s: %w", name, err)
		}
	}
	return nil
}

// filesIn lists the files of a Secret volume by the names users see. Those are links into a hidden folder, which is left
// out.
func filesIn(volume fs.FS, dir string) ([]string, error) {
	entries, err := fs.ReadDir(volume, dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "..") {
			continue
		}
		name := filepath.Join(dir, entry.Name())
		info, err := fs.Stat(volume, name)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			names = append(names, name)
			continue
		}
		below, err := filesIn(volume, name)
		if err != nil {
			return nil, err
		}
		names = append(names, below...)
	}
	return names, nil
}

func modeOf(name string) fs.FileMode {
	switch {
	case strings.HasSuffix(name, ".key"):
		return modeKey
	case strings.HasSuffix(name, ".crt"), strings.HasSuffix(name, ".pub"):
		return modeCert
	case filepath.Base(name) == "authentication.yaml":
		return modeAuthentication
	default:
		return modeYAML
	}
}

// place makes one file appear whole.
func place(path string, content []byte, mode fs.FileMode) error {
	if err := folder(filepath.Dir(path), modePKI); err != nil {
		return err
	}
	part := path + partSuffix
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := write(part, content, mode); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return sync(filepath.Dir(path))
}

// write creates a file that nobody could open before it had its mode.
func write(path string, content []byte, mode fs.FileMode) error {
	//nolint:gosec // The caller names the folders.
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, writeErr := file.Write(content)
	return errors.Join(writeErr, file.Chmod(mode), file.Sync(), file.Close())
}

// folder makes a folder. One that exists keeps its mode: k0s sets it at every start.
func folder(path string, mode fs.FileMode) error {
	err := os.Mkdir(path, mode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Chmod(path, mode) // whatever the umask says
}

// sync makes the names in a folder durable.
func sync(path string) error {
	dir, err := os.Open(path) //nolint:gosec // As above.
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
