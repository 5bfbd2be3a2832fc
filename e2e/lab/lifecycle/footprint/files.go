// SPDX-License-Identifier: Apache-2.0

package footprint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// place is a directory in which programs leave something, and how many levels of it are looked at.
type place struct {
	dir   string
	depth int
}

// places are where Kubernetes, containers, their networks and the tools around them put files. Files for a while are
// not among them: who checks gives programs a TMPDIR of their own and looks whether that is empty.
func places() []place {
	all := []place{
		{"/", 1},
		{"/etc/cni", 3},
		{"/etc/containerd", 2},
		{"/etc/k0s", 2},
		{"/etc/kubernetes", 2},
		{"/etc/systemd/nspawn", 1},
		{"/etc/systemd/system", 1},
		{"/opt", 2},
		{"/run", 1},
		{"/run/netns", 1},
		{"/run/systemd/machines", 1},
		{"/run/systemd/nspawn", 2},
		{"/usr/libexec", 1},
		{"/usr/local/bin", 1},
		{"/usr/sbin/policy-rc.d", 0},
		{"/var/lib", 1},
		{"/var/lib/machines", 1},
		{"/var/log", 1},
		{"/var/tmp", 1},
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return all
	}
	for dir, depth := range map[string]int{".kube": 1, ".kube/cache/discovery": 1, ".config": 1, ".cache": 1, ".local/share": 1} {
		all = append(all, place{filepath.Join(home, dir), depth})
	}
	return all
}

// files lists what is in the places, and the lab's own directories.
func files(p layout.Paths, from []place) ([]string, error) {
	var found []string
	for _, at := range append(from, place{p.State, 0}, place{p.Run, 0}) {
		below, err := at.list()
		if err != nil {
			return nil, err
		}
		found = append(found, below...)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

func (p place) list() ([]string, error) {
	var found []string
	err := filepath.WalkDir(p.dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil // it was never there, or has gone meanwhile
		}
		if err != nil {
			return err
		}
		if path != "/" {
			found = append(found, path)
		}
		if entry.IsDir() && p.levels(path) >= p.depth {
			return filepath.SkipDir
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for files: %w", err)
	}
	return found, nil
}

// levels is how far below the place a path is.
func (p place) levels(path string) int {
	relative, err := filepath.Rel(p.dir, path)
	if err != nil || relative == "." {
		return 0
	}
	return strings.Count(relative, "/") + 1
}

// Unpackaged drops those differences that are files of Debian packages, or that packages have systemd make: packages
// stay.
func Unpackaged(ctx context.Context, differences []string) ([]string, error) {
	made, err := temporaryFiles(ctx)
	if err != nil {
		return nil, err
	}
	return keep(differences, func(difference string) bool {
		file, isFile := strings.CutPrefix(difference, "new: file ")
		return !isFile || !slices.Contains(made, file) && command.Run(ctx, "dpkg-query", "--search", file) != nil
	}), nil
}

// temporaryFiles are those that the configuration of systemd-tmpfiles names.
func temporaryFiles(ctx context.Context) ([]string, error) {
	const tool = "systemd-tmpfiles"
	if !hasTool(tool) {
		return nil, nil
	}
	configuration, err := command.Output(ctx, tool, "--cat-config")
	if err != nil {
		return nil, err
	}
	return parseTemporaryFiles(configuration), nil
}

// parseTemporaryFiles reads lines "<type> <path> ..." and keeps those of types that make something.
func parseTemporaryFiles(configuration string) []string {
	var paths []string
	for line := range strings.Lines(configuration) {
		fields := strings.Fields(line)
		if len(fields) > 1 && strings.ContainsAny(fields[0][:1], "fFdDvqQLpcbC") {
			paths = append(paths, fields[1])
		}
	}
	return paths
}
