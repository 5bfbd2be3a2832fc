// SPDX-License-Identifier: Apache-2.0

package footprint

import (
	"slices"
	"strings"
)

// Snapshot describes a machine in sorted lines, apart from what runs on it: processes come and go.
func Snapshot(m Machine) []string {
	var lines []string
	for _, mount := range m.Mounts {
		if mount.In == "" {
			lines = append(lines, "mount "+mount.String())
		}
	}
	for kind, names := range map[string][]string{
		"device": m.Links, "address": m.Addresses, "route": m.Routes, "netns": m.Namespaces, "rule": m.Rules,
		"cgroup": m.Cgroups, "file": m.Files, "setting": m.Settings,
	} {
		lines = append(lines, named(kind, names)...)
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// Compare names what two snapshots of one machine do not have in common, but for what nobody has to take away. A file
// that is gone is no difference: files outlive those who need them.
func Compare(before, after []string) []string {
	var differences []string
	for _, line := range after {
		if !slices.Contains(before, line) && !tolerated(line) {
			differences = append(differences, "new: "+line)
		}
	}
	for _, line := range before {
		if !slices.Contains(after, line) && !tolerated(line) && !strings.HasPrefix(line, "file ") {
			differences = append(differences, "gone: "+line)
		}
	}
	return differences
}

// tolerated says whether a line may come and go, because it is the doing of the machine's own services, or of the tools
// that a package brings.
func tolerated(line string) bool {
	if strings.HasPrefix(line, "cgroup ") {
		return slices.ContainsFunc([]string{".slice", ".scope", ".service"}, func(unit string) bool {
			return strings.HasSuffix(line, unit)
		})
	}
	if strings.HasPrefix(line, "file /etc/systemd/system/") && strings.HasSuffix(line, ".wants") {
		return true // made when the first service of a package is enabled
	}
	if line == "file /run/systemd" {
		return true // made by systemd's package; what a machine could leave in it has lines of its own
	}
	return slices.ContainsFunc([]string{
		"mount /run/user/", "mount /run/credentials/", "mount /proc/sys/fs/binfmt_misc", // systemd's, on demand
		"file /run/xtables.lock", // the lock of iptables, which stays wherever it has run
		"file /run/mount",        // what mount(8) remembers
	}, func(prefix string) bool { return strings.HasPrefix(line, prefix) })
}

// Started names the processes whose environment has the mark of whoever asks, but for the process that looks and those
// that it was started by.
func Started(m Machine, mark string) []string {
	var found []string
	for _, program := range m.Processes {
		if !program.Kin && slices.Contains(program.Marks, mark) {
			found = append(found, "running: "+program.String())
		}
	}
	return found
}
