// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// cgroupMount is where every Linux distribution mounts its hierarchies.
const cgroupMount = "/sys/fs/cgroup"

// unified is the name of the mount of cgroup v2 beside v1.
const unified = "unified"

// hierarchies are the roots of all cgroup hierarchies: one with cgroup v2, one per controller with v1.
func hierarchies() ([]string, error) {
	if _, err := os.Stat(filepath.Join(cgroupMount, "cgroup.controllers")); err == nil {
		return []string{cgroupMount}, nil
	}
	entries, err := os.ReadDir(cgroupMount)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", cgroupMount, err)
	}
	var roots []string
	for _, entry := range entries {
		root := filepath.Join(cgroupMount, entry.Name())
		if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err == nil {
			roots = append(roots, root)
		}
	}
	return roots, nil
}

// CreateCgroup makes a group in all hierarchies, ready to hold groups of its own.
func CreateCgroup(name string) error {
	roots, err := hierarchies()
	if err != nil {
		return err
	}
	for _, root := range roots {
		group := filepath.Join(root, name)
		if err := os.MkdirAll(group, 0o755); err != nil {
			return fmt.Errorf("creating cgroup: %w", err)
		}
		if err := delegate(root, group); err != nil {
			return fmt.Errorf("preparing cgroup %s: %w", group, err)
		}
	}
	return nil
}

// delegate does what each version wants before a group can have children with limits.
func delegate(root, group string) error {
	return errors.Join(delegateCPUSets(root, group), delegateControllers(root, group))
}

func delegateCPUSets(root, group string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} { // v1: a new cpuset is empty and takes no process
		content, err := os.ReadFile(filepath.Join(root, file))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(group, file), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func delegateControllers(root, group string) error {
	content, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if errors.Is(err, os.ErrNotExist) || filepath.Base(root) == unified {
		return nil // version 1, or beside it, where it limits nothing
	}
	if err != nil {
		return err
	}
	for controller := range strings.FieldsSeq(string(content)) {
		for _, parent := range []string{root, group} {
			if err := os.WriteFile(filepath.Join(parent, "cgroup.subtree_control"), []byte("+"+controller), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// CgroupProcesses lists the processes in a group and all below it.
func CgroupProcesses(name string) ([]string, error) {
	roots, err := hierarchies()
	if err != nil {
		return nil, err
	}
	var pids []string
	for _, root := range roots {
		for _, group := range subtree(filepath.Join(root, name)) {
			content, err := os.ReadFile(filepath.Join(group, "cgroup.procs"))
			if err == nil {
				pids = append(pids, strings.Fields(string(content))...)
			}
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids), nil
}

// RemoveCgroup removes a group and all below it from all hierarchies. No process may be left in them.
func RemoveCgroup(name string) error {
	roots, err := hierarchies()
	if err != nil {
		return err
	}
	for _, root := range roots {
		groups := subtree(filepath.Join(root, name))
		slices.Reverse(groups) // children before parents
		for _, group := range groups {
			if err := os.Remove(group); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("removing cgroup: %w", err)
			}
		}
	}
	return nil
}

// subtree lists a directory and all directories below it, parents first.
func subtree(dir string) []string {
	if _, err := os.Stat(dir); err != nil {
		return nil
	}
	groups := []string{dir}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return groups
	}
	for _, entry := range entries {
		if entry.IsDir() {
			groups = append(groups, subtree(filepath.Join(dir, entry.Name()))...)
		}
	}
	return groups
}
