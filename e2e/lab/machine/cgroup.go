// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/k0smotron/k0smotron/e2e/lab/host"
)

const (
	cgroupMount = "/sys/fs/cgroup"
	// cgroupParent holds the group of every machine, in every hierarchy.
	cgroupParent = "k0slab-machines"
)

// hierarchy is one mounted cgroup hierarchy of the host.
type hierarchy struct {
	// folder is relative to /sys/fs/cgroup; "." with pure cgroup v2.
	folder string
	// kind is the type of the file system: cgroup or cgroup2.
	kind string
	// options mount the same hierarchy once more.
	options string
}

// parseHierarchies finds the cgroup hierarchies in the text of /proc/self/mountinfo:
// id, parent, device, root, mount point, options, optional fields, "-", type, source, options of the super block.
func parseHierarchies(mountinfo string) []hierarchy {
	var found []hierarchy
	for line := range strings.Lines(mountinfo) {
		before, after, _ := strings.Cut(strings.TrimSpace(line), " - ")
		mount, super := strings.Fields(before), strings.Fields(after)
		if len(mount) < 5 || len(super) < 3 || (super[0] != "cgroup" && super[0] != "cgroup2") {
			continue
		}
		folder, err := filepath.Rel(cgroupMount, mount[4])
		if err != nil || strings.HasPrefix(folder, "..") {
			continue
		}
		found = append(found, hierarchy{folder: folder, kind: super[0], options: mountOptions(super[0], super[2])})
	}
	return found
}

// mountOptions keeps of a hierarchy's options what names it: its controllers, or its name.
func mountOptions(kind, super string) string {
	if kind == "cgroup2" {
		return "rw"
	}
	var kept []string
	for option := range strings.SplitSeq(super, ",") {
		if strings.HasPrefix(option, "name=") {
			return "none," + option
		}
		if option != "rw" && option != "ro" && option != "xattr" && !strings.HasPrefix(option, "release_agent=") {
			kept = append(kept, option)
		}
	}
	return strings.Join(kept, ",")
}

// cgroups are the groups of one machine.
type cgroups struct {
	name        string
	hierarchies []hierarchy
}

func cgroupsOf(machine string) (cgroups, error) {
	mountinfo, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return cgroups{}, fmt.Errorf("reading cgroup mounts: %w", err)
	}
	return cgroups{name: filepath.Join(cgroupParent, machine), hierarchies: parseHierarchies(string(mountinfo))}, nil
}

// lines is what launch.sh mounts; nothing with pure cgroup v2, which systemd-nspawn handles by itself.
func (c cgroups) lines() string {
	var lines []string
	for _, h := range c.hierarchies {
		if h.folder == "." {
			return ""
		}
		lines = append(lines, strings.Join([]string{h.folder, h.kind, h.options}, " "))
	}
	return strings.Join(lines, "\n")
}

// procs lists the files through which a process enters the groups.
func (c cgroups) procs() []string {
	var files []string
	for _, h := range c.hierarchies {
		files = append(files, filepath.Join(cgroupMount, h.folder, c.name, "cgroup.procs"))
	}
	return files
}

// create makes the groups, empty.
func (c cgroups) create() error {
	if err := host.CreateCgroup(cgroupParent); err != nil {
		return err
	}
	for _, h := range c.hierarchies {
		root := filepath.Join(cgroupMount, h.folder)
		if err := os.MkdirAll(filepath.Join(root, c.name), 0o755); err != nil {
			return fmt.Errorf("creating cgroup: %w", err)
		}
		if err := fillCpuset(root, filepath.Join(root, c.name)); err != nil {
			return fmt.Errorf("preparing cgroup: %w", err)
		}
	}
	return nil
}

// fillCpuset gives a group all processors: with cgroup v1 a new cpuset is empty and takes no process.
func fillCpuset(root, group string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		content, err := os.ReadFile(filepath.Join(root, file))
		if errors.Is(err, fs.ErrNotExist) {
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

// remove takes the groups away, and their parent with the last of them.
func (c cgroups) remove() error {
	if err := host.RemoveCgroup(c.name); err != nil {
		return err
	}
	for _, h := range c.hierarchies {
		// Fails while other machines are in it, which is as it should be.
		_ = os.Remove(filepath.Join(cgroupMount, h.folder, cgroupParent))
	}
	return nil
}

// killGroup kills all processes of a group until there are none: they may fork while it does.
func killGroup(ctx context.Context, name string) error {
	for {
		pids, err := host.CgroupProcesses(name)
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			// 0 stands for a process of another pid namespace; the kernel does not let us see it.
			if number, err := strconv.Atoi(pid); err == nil && number > 0 {
				_ = syscall.Kill(number, syscall.SIGKILL)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the processes of %s to end: %w", name, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
