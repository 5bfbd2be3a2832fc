// SPDX-License-Identifier: Apache-2.0

package k0scontract

import (
	"cmp"
	"slices"
)

// Kind is what sort of thing the providers rely on.
type Kind string

// All kinds of facts.
const (
	// KindFlag is a flag of a k0s command, named "<command> --<flag>".
	KindFlag Kind = "flag"
	// KindKey is a key of k0s.yaml, named by its path below spec.
	KindKey Kind = "key"
	// KindClusterKey is a key that is applied to the object kube-system/k0s.
	KindClusterKey Kind = "cluster-wide key"
	// KindFile is a file that k0s reads or writes, named by its path.
	KindFile Kind = "file"
	// KindPort is a port on which k0s listens, named by its purpose.
	KindPort Kind = "port"
	// KindProbe is a path that answers probes, or "tcp".
	KindProbe Kind = "probe"
	// KindCapability is a Linux capability that k0s gets; all others are dropped.
	KindCapability Kind = "capability"
	// KindSandbox is another restriction under which k0s runs.
	KindSandbox Kind = "restriction"
	// KindUnit is a unit that `k0s install` makes.
	KindUnit Kind = "unit"
	// KindComponent is a name for --disable-components.
	KindComponent Kind = "component"
	// KindCommand is a command whose exit code decides what happens next.
	KindCommand Kind = "command"
)

// Fact is one thing that the providers rely on.
type Fact struct {
	Kind Kind
	Name string
}

// Source is a golden file with what it makes the providers rely on.
type Source struct {
	// Path is relative to the root of the repository.
	Path  string
	Facts []Fact
}

// Facts are the facts of all sources, sorted, each once.
func Facts(sources []Source) []Fact {
	var all []Fact
	for _, source := range sources {
		all = append(all, source.Facts...)
	}
	slices.SortFunc(all, func(a, b Fact) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	return slices.Compact(all)
}
