// SPDX-License-Identifier: Apache-2.0

package footprint

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/process"
)

// Of names everything on a machine that is of the lab with these paths; nothing but its cache may be left of one.
func Of(p layout.Paths, m Machine) []string {
	var found []string
	for _, program := range m.Processes {
		if reason := belongs(p, program); reason != "" && !program.Kin {
			found = append(found, fmt.Sprintf("%s: %s", program, reason))
		}
	}
	for _, mount := range m.Mounts {
		if mountOf(p, mount) {
			found = append(found, "mount "+mount.String())
		}
	}
	found = append(found, named("network device", Own(m.Links))...)
	found = append(found, named("network namespace", Own(m.Namespaces))...)
	found = append(found, named("address", keep(m.Addresses, inSubnet))...)
	found = append(found, named("route", keep(m.Routes, inSubnet))...)
	found = append(found, named("packet filter rule", keep(m.Rules, isRule))...)
	found = append(found, named("cgroup", Own(m.Cgroups))...)
	return append(found, named("directory", directories(p, m))...)
}

func named(kind string, names []string) []string {
	lines := make([]string, 0, len(names))
	for _, name := range names {
		lines = append(lines, kind+" "+name)
	}
	return lines
}

func keep(lines []string, wanted func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !wanted(line) })
}

// belongs says why a process is the lab's, or nothing.
func belongs(p layout.Paths, program Process) string {
	for _, mark := range program.Marks {
		if own := process.Mark(p.Run); mark == own || strings.HasPrefix(mark, own+"/") {
			return "the lab started it (" + mark + ")"
		}
	}
	for _, group := range program.Cgroups {
		if strings.HasPrefix(group, "/"+Prefix) {
			return "it is in cgroup " + group
		}
	}
	for _, use := range program.Uses {
		if atOrBelow(p.State, use.Path) || atOrBelow(p.Run, use.Path) {
			return "its " + use.As + " is " + use.Path
		}
	}
	for _, argument := range program.Args {
		if _, netns, found := strings.Cut(argument, "/run/netns/"); found && strings.HasPrefix(netns, Prefix) {
			return "it runs with " + argument
		}
	}
	return ""
}

// mountOf says whether a mount is the lab's. A mount on one of its directories itself is of whoever placed it there.
func mountOf(p layout.Paths, mount Mount) bool {
	for _, dir := range []string{p.State, p.Run, p.Cache} {
		if below(dir, mount.Target) || below(dir, mount.Root) || strings.Contains(mount.Options, dir+"/") {
			return true
		}
	}
	return false
}

func below(dir, path string) bool { return strings.HasPrefix(path, dir+"/") }

// atOrBelow also knows the path of a file that has been removed, as the kernel shows it.
func atOrBelow(dir, path string) bool {
	return below(dir, path) || strings.TrimSuffix(path, " (deleted)") == dir
}

// inSubnet judges a line that begins with an address or a prefix.
func inSubnet(line string) bool {
	prefix, err := netip.ParsePrefix(strings.Fields(line)[0])
	return err == nil && netip.MustParsePrefix(layout.Subnet).Contains(prefix.Addr())
}

func isRule(rule string) bool {
	network := strings.TrimSuffix(layout.Subnet, "0/24")
	return strings.Contains(rule, Prefix) || strings.Contains(rule, "k0smotron-lab") || strings.Contains(rule, " "+network)
}

// directories are those of the lab that are still there, but for one that is a mount point of somebody else.
func directories(p layout.Paths, m Machine) []string {
	var found []string
	for _, dir := range []string{p.State, p.Run} {
		isMountPoint := slices.ContainsFunc(m.Mounts, func(mount Mount) bool {
			return mount.Target == dir && mount.In == ""
		})
		if slices.Contains(m.Files, dir) && !isMountPoint {
			found = append(found, filepath.Clean(dir))
		}
	}
	return found
}
