// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// entry is one line of the layer: its header and where its content comes from.
type entry struct {
	header tar.Header
	open   func() (io.ReadCloser, error)
}

// collect turns files and directories into entries, parents included, sorted by path so that a parent always precedes
// what is in it.
func collect(img Image) ([]entry, error) {
	byPath := map[string]entry{}
	for _, dir := range img.Dirs {
		if err := add(byPath, dirEntry(dir)); err != nil {
			return nil, err
		}
	}
	for _, file := range img.Files {
		entries, err := fileEntries(file)
		if err != nil {
			return nil, fmt.Errorf("adding %s: %w", file.Path, err)
		}
		for _, e := range entries {
			if err := add(byPath, e); err != nil {
				return nil, err
			}
		}
	}
	addParents(byPath)
	entries := make([]entry, 0, len(byPath))
	for _, e := range byPath {
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.header.Name, b.header.Name) })
	return entries, nil
}

func add(byPath map[string]entry, e entry) error {
	key := strings.TrimSuffix(e.header.Name, "/")
	if key == "" {
		return errors.New("adding an entry: a path is empty")
	}
	if _, exists := byPath[key]; exists {
		return fmt.Errorf("adding /%s: it is there already", key)
	}
	byPath[key] = e
	return nil
}

func addParents(byPath map[string]entry) {
	missing := map[string]entry{}
	for child := range byPath {
		for dir := path.Dir(child); dir != "."; dir = path.Dir(dir) {
			if _, exists := byPath[dir]; !exists {
				missing[dir] = dirEntry(Dir{Path: dir})
			}
		}
	}
	maps.Copy(byPath, missing)
}

func dirEntry(dir Dir) entry {
	mode := dir.Mode
	if mode == 0 {
		mode = 0o755
	}
	return entry{header: tar.Header{
		Typeflag: tar.TypeDir, Name: inLayer(dir.Path) + "/", Mode: tarMode(mode), Uid: dir.UID, Gid: dir.GID,
	}}
}

func fileEntries(file File) ([]entry, error) {
	if err := checkKind(file); err != nil {
		return nil, err
	}
	switch {
	case file.Source != "":
		return sourceEntries(file)
	case file.Link != "":
		return []entry{linkEntry(file)}, nil
	default:
		return []entry{contentEntry(file)}, nil
	}
}

func checkKind(file File) error {
	set := 0
	for _, given := range []bool{file.Source != "", file.Content != nil, file.Link != ""} {
		if given {
			set++
		}
	}
	if set > 1 {
		return errors.New("only one of Source, Content and Link can be set")
	}
	return nil
}

func linkEntry(file File) entry {
	return entry{header: tar.Header{
		Typeflag: tar.TypeSymlink,
		Name:     inLayer(file.Path),
		Linkname: file.Link,
		Mode:     0o777,
		Uid:      file.UID,
		Gid:      file.GID,
	}}
}

func contentEntry(file File) entry {
	mode := file.Mode
	if mode == 0 {
		mode = 0o644
	}
	return entry{
		header: tar.Header{
			Typeflag: tar.TypeReg, Name: inLayer(file.Path), Size: int64(len(file.Content)),
			Mode: tarMode(mode), Uid: file.UID, Gid: file.GID,
		},
		open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(file.Content)), nil },
	}
}

// sourceEntries walks a source. The source itself may be a symbolic link and is followed; links below it are kept.
func sourceEntries(file File) ([]entry, error) {
	root, err := filepath.EvalSymlinks(file.Source)
	if err != nil {
		return nil, fmt.Errorf("finding its source: %w", err)
	}
	var entries []entry
	err = filepath.WalkDir(root, func(source string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, source)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		at := file
		at.Path = path.Join(file.Path, filepath.ToSlash(relative))
		e, err := sourceEntry(at, source, info)
		entries = append(entries, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading its source: %w", err)
	}
	return entries, nil
}

func sourceEntry(at File, source string, info fs.FileInfo) (entry, error) {
	switch {
	case info.IsDir():
		return dirEntry(Dir{Path: at.Path, Mode: info.Mode(), UID: at.UID, GID: at.GID}), nil
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(source)
		at.Link = target
		return linkEntry(at), err
	case !info.Mode().IsRegular():
		return entry{}, fmt.Errorf("%s is neither file, directory nor symbolic link", source)
	}
	mode := at.Mode
	if mode == 0 {
		mode = info.Mode()
	}
	return entry{
		header: tar.Header{
			Typeflag: tar.TypeReg,
			Name:     inLayer(at.Path),
			Size:     info.Size(),
			Mode:     tarMode(mode),
			Uid:      at.UID,
			Gid:      at.GID,
		},
		open: func() (io.ReadCloser, error) { return os.Open(source) },
	}, nil
}

// inLayer is the form of a path in a layer: clean, relative to the root.
func inLayer(p string) string {
	return strings.TrimPrefix(path.Clean("/"+p), "/")
}

func tarMode(mode fs.FileMode) int64 {
	bits := int64(mode.Perm())
	if mode&fs.ModeSetuid != 0 {
		bits |= 0o4000
	}
	if mode&fs.ModeSetgid != 0 {
		bits |= 0o2000
	}
	if mode&fs.ModeSticky != 0 {
		bits |= 0o1000
	}
	return bits
}
