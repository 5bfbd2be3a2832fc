// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"slices"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
)

// isOverdue tells that a Machine has had its time to become a member. One that was ever a member is never overdue; nor is
// any while there is no other member that may work, because then it is not the Machine that keeps it from joining. Where
// leases are only counted, a joiner makes it unknown of all others whether they work; that the API answers is enough then.
func (p *plan) isOverdue(m *controlplane.Machine) bool {
	if m.Data.Consumed.IsZero() || m.JoinTimeLeft(p.Now) > 0 {
		return false
	}
	if !p.HasBegun() {
		return true
	}
	return m.NeverJoined() && slices.ContainsFunc(p.machines, mayWork)
}

// mayWork tells that a member is not known to be down.
func mayWork(m *controlplane.Machine) bool { return m.IsVoting() && m.Health != controlplane.Unhealthy }

// hasMachine tells that a Machine exists, even if it is going.
func (p *plan) hasMachine() bool {
	return slices.ContainsFunc(p.Machines, func(m controlplane.Machine) bool { return !m.HalfMade() })
}

// isSuperseded tells that a Machine that has not started is not wanted as it is: because a newer template replaces it, or
// because there are too many. In the second case, a mark of the user's on another Machine goes before.
func (p *plan) isSuperseded(m *controlplane.Machine) bool {
	switch {
	case !m.NeverJoined() || !m.Data.Consumed.IsZero():
		return false
	case m.IsOutdated():
		return true
	case p.want == oneLess && p.upToDate == len(p.machines):
		return m.DeleteMark || !slices.ContainsFunc(p.machines, isMarked)
	default:
		return false
	}
}

// isRemovable tells that a member is known to be down and not leaving yet. Removing it harms nobody: etcd answers, so the
// others are a quorum even with it, and are one all the more without it.
func isRemovable(m *controlplane.Member) bool {
	return m.MayVote() && !m.Leaving && m.Health == controlplane.Unhealthy
}

// isMisplaced tells that a Machine is where no control plane should be any more.
func (p *plan) isMisplaced(m *controlplane.Machine) bool {
	return !slices.Contains(p.FailureDomains, m.FailureDomain)
}

// emptiest is the failure domain with the fewest Machines that are up to date, then with the fewest at all: the outdated
// ones are going to leave.
func (p *plan) emptiest() string {
	return slices.MinFunc(p.FailureDomains, func(a, b string) int {
		if n := p.in(a, isCurrent) - p.in(b, isCurrent); n != 0 {
			return n
		}
		return p.in(a, anyMachine) - p.in(b, anyMachine)
	})
}

// fullest is the failure domain with the most Machines among those with a candidate.
func (p *plan) fullest() string {
	if len(p.candidates) == 0 {
		return ""
	}
	return slices.MaxFunc(p.candidates, func(a, b *controlplane.Machine) int {
		return p.in(a.FailureDomain, anyMachine) - p.in(b.FailureDomain, anyMachine)
	}).FailureDomain
}

// in counts the Machines of a failure domain that are so.
func (p *plan) in(domain string, so func(*controlplane.Machine) bool) int {
	n := 0
	for _, m := range p.machines {
		if m.FailureDomain == domain && so(m) {
			n++
		}
	}
	return n
}

func isCurrent(m *controlplane.Machine) bool { return !m.IsOutdated() }

func anyMachine(*controlplane.Machine) bool { return true }

func isMarked(m *controlplane.Machine) bool { return m.DeleteMark }
