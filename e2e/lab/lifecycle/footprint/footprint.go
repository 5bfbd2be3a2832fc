// SPDX-License-Identifier: Apache-2.0

// Package footprint looks at what stands on a machine, and tells what of it a lab has left there.
//
// There are two questions. Of answers whether anything of a lab is there: what it is made of has names and places of its
// own. Snapshot and Compare answer whether a machine is as it was before, whoever made the difference.
package footprint

import (
	"slices"
	"strings"
)

// Prefix begins the names of all network devices, network namespaces and cgroups of a lab.
const Prefix = "k0slab"

// Machine is what stands on a machine.
type Machine struct {
	Processes []Process
	// Mounts are those of all mount namespaces that a process is in.
	Mounts []Mount
	// Links are the names of network devices, Addresses lines "<address>/<bits> on <device>", Routes "<prefix> on <device>".
	Links, Addresses, Routes []string
	// Namespaces are the named network namespaces.
	Namespaces []string
	// Rules are those of the packet filter, as iptables-save prints them, each after its table.
	Rules []string
	// Cgroups are those below the root of a hierarchy.
	Cgroups []string
	// Files are the names in places where programs leave something; see places.
	Files []string
	// Settings are lines "<kernel parameter> = <value>".
	Settings []string
}

// Process is a running process.
type Process struct {
	PID  string
	Args []string
	// Marks are the variables of its environment by which who started it can be told.
	Marks []string
	// Uses are the files it holds.
	Uses []Use
	// Cgroups are its groups, one per hierarchy.
	Cgroups []string
	// Kin is set for the process that looks, and for those that started it: they are no leftovers.
	Kin bool
}

// Use is a file that a process holds, and as what.
type Use struct{ As, Path string }

// String names a process so that a person recognises it.
func (p Process) String() string {
	line := strings.Join(p.Args, " ")
	if runes := []rune(line); len(runes) > 100 {
		line = string(runes[:100]) + "…"
	}
	return "process " + p.PID + " (" + line + ")"
}

// Mount is a mount point.
type Mount struct {
	Target, Type string
	// Root is what of the mounted file system is there, Options are the mounted file system's.
	Root, Options string
	// In is whose mount namespace it is in: empty for the one of the process that looks.
	In string
}

// String names a mount.
func (m Mount) String() string {
	if m.In == "" {
		return m.Target + " " + m.Type
	}
	return m.Target + " " + m.Type + ", seen by " + m.In
}

// Own keeps the names that are a lab's.
func Own(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.HasPrefix(name, Prefix) })
}
