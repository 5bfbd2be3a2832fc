// SPDX-License-Identifier: Apache-2.0

package k0snode

import (
	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

// evidence is how the lease of a member is found.
type evidence int

const (
	// byCount: the release tells nothing; leases can only be counted.
	byCount evidence = iota
	// byHolder: the release tells the invocation, and the lease is the one that it holds.
	byHolder
	// byName: the release tells the name of the lease.
	byName
)

// namesLease and namesInvocation list the first releases, oldest first, that write the labels; minors after the last
// one write them from their start.
func namesLease() []string      { return []string{"v1.34.5", "v1.35.2", "v1.36.0"} }
func namesInvocation() []string { return []string{"v1.34.4", "v1.35.1", "v1.36.0"} }

// evidenceOf decides by what the member says and by the release that runs: labels of a newer release stay behind when an
// older one takes over within a minor. Where the release is not known, the labels alone decide.
func evidenceOf(member EtcdMember, running k0sversion.Version) evidence {
	switch {
	case member.Lease != "" && member.Invocation != "" && knows(running, namesLease()):
		return byName
	case member.Invocation != "" && knows(running, namesInvocation()):
		return byHolder
	default:
		return byCount
	}
}

func knows(running k0sversion.Version, since []string) bool {
	if running.IsZero() {
		return true
	}
	known := false
	for _, text := range since {
		first, err := k0sversion.Parse(text)
		if err != nil || first.Minor() > running.Minor() {
			break
		}
		known = first.Minor() < running.Minor() || running.Compare(first) >= 0
	}
	return known
}

// LeavesByHostName tells whether a release lets a controller leave etcd only where its host name is the name of its
// member: its leader waits for the lease of that name to be given up, and leases are named after hosts.
func LeavesByHostName(version k0sversion.Version) bool {
	return !version.IsZero() && knows(version, namesInvocation()) && !knows(version, namesLease())
}

// AddsLearners tells whether a release adds members to etcd as learners, and gives them a voice when they have caught up.
// Older ones give it at once: a machine that dies while it joins counts against the quorum from its first moment.
func AddsLearners(version k0sversion.Version) bool {
	return !version.IsZero() && knows(version, []string{"v1.35.5", "v1.36.1"})
}
