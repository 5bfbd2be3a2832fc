// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
)

// want is what the number and age of the Machines asks for.
type want int

const (
	neither want = iota
	oneMore
	oneLess
)

// plan is a snapshot and what the chain has made of it so far.
type plan struct {
	*controlplane.Snapshot

	want want
	// machines are the Machines that exist and stay, as far as nobody has decided otherwise.
	machines []*controlplane.Machine
	// upToDate counts those that are as wanted.
	upToDate int
	// candidates are those of machines that may be removed, when one less is wanted.
	candidates []*controlplane.Machine
	// domain is the failure domain of the next Machine, when one more is wanted.
	domain string
}

func newPlan(s *controlplane.Snapshot) *plan {
	p := &plan{Snapshot: s, machines: make([]*controlplane.Machine, 0, len(s.Machines))}
	for i := range s.Machines {
		m := &s.Machines[i]
		if m.HalfMade() || m.IsDeleting() {
			continue
		}
		p.machines = append(p.machines, m)
		if !m.IsOutdated() {
			p.upToDate++
		}
	}
	p.candidates = slices.Clone(p.machines)
	if len(s.FailureDomains) > 0 {
		p.domain = s.FailureDomains[0]
	}
	return p
}

// surge is how many Machines there may be above replicas while outdated ones are replaced.
func (p *plan) surge() int {
	if p.Strategy == controlplane.RecreateDeleteFirst && p.Replicas >= minDeleteFirst {
		return 0
	}
	return 1
}

// role is the part of the next Machine.
func (p *plan) role() controlplane.Role {
	if p.HasBegun() {
		return controlplane.Joining
	}
	return controlplane.First
}

// finishes tells that a half-made Machine is the one that is wanted next.
func (p *plan) finishes(m *controlplane.Machine) bool {
	return p.want == oneMore && m.Name == p.NextMachine && !m.IsOutdated() && (m.Role == "" || m.Role == p.role())
}

// prefer narrows the candidates to those that are so, if there are any.
func (p *plan) prefer(so func(*controlplane.Machine) bool) {
	if slices.ContainsFunc(p.candidates, so) {
		p.candidates = slices.DeleteFunc(p.candidates, func(m *controlplane.Machine) bool { return !so(m) })
	}
}

// target is the Machine to be removed: the oldest candidate. It is nil when none is to be removed.
func (p *plan) target() *controlplane.Machine {
	if p.want != oneLess || len(p.candidates) == 0 {
		return nil
	}
	return slices.MinFunc(p.candidates, func(a, b *controlplane.Machine) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
	})
}

// other returns a Machine that stays and is so.
func (p *plan) other(so func(*controlplane.Machine) bool) (*controlplane.Machine, bool) {
	target := p.target()
	i := slices.IndexFunc(p.machines, func(m *controlplane.Machine) bool { return m != target && so(m) })
	if i < 0 {
		return nil, false
	}
	return p.machines[i], true
}

// done is what is done when nothing speaks against it.
func (p *plan) done() Action {
	switch p.want {
	case oneMore:
		return p.create()
	case oneLess:
		return *remove(p.target().Name, p.cause(), p.step())
	default:
		return Action{Kind: Nothing, Reason: ReasonAsWanted, Message: "nothing is to be done: " + p.count()}
	}
}

func (p *plan) create() Action {
	action := Action{Kind: Create, Reason: p.cause(), Message: p.step(), Role: p.role(), FailureDomain: p.domain}
	spent := slices.ContainsFunc(p.Machines, func(m controlplane.Machine) bool {
		return m.Name == p.NextMachine && !m.HalfMade()
	})
	if p.NextMachine == "" || spent {
		action.Message += "; its name is recorded first"
		return action
	}
	action.Machine = p.NextMachine
	return action
}

// cause is the reason of a Create or Delete.
func (p *plan) cause() string {
	switch {
	case p.role() == controlplane.First:
		return ReasonInitializing
	case p.upToDate < len(p.machines):
		return ReasonRollingOut
	case p.want == oneLess:
		return ReasonScalingDown
	default:
		return ReasonScalingUp
	}
}

// step says for people what is wanted next, and why.
func (p *plan) step() string {
	switch p.want {
	case oneMore:
		return "a machine is added" + p.place() + ": " + p.count() + p.below()
	case oneLess:
		return "machine " + p.target().Name + " is removed" + because(p.target()) + ": " + p.count()
	default:
		return ""
	}
}

func (p *plan) place() string {
	if p.domain == "" {
		return ""
	}
	return " in failure domain " + p.domain
}

func (p *plan) count() string {
	return fmt.Sprintf("%d of %d wanted machines exist, %d of them up to date", len(p.machines), p.Replicas, p.upToDate)
}

// below tells where the strategy is not followed.
func (p *plan) below() string {
	if p.Strategy != controlplane.RecreateDeleteFirst || p.surge() == 0 || p.upToDate == len(p.machines) {
		return ""
	}
	return fmt.Sprintf(" (%s needs %d replicas: with less, a machine is added first)",
		controlplane.RecreateDeleteFirst, minDeleteFirst)
}

func because(m *controlplane.Machine) string {
	switch {
	case m.DeleteMark && m.IsOutdated():
		return " (marked for deletion; outdated: " + strings.Join(m.Outdated, ", ") + ")"
	case m.DeleteMark:
		return " (marked for deletion)"
	case m.IsOutdated():
		return " (outdated: " + strings.Join(m.Outdated, ", ") + ")"
	default:
		return ""
	}
}

// remove is a Delete.
func remove(name, reason, message string) *Action {
	return &Action{Kind: Delete, Machine: name, Reason: reason, Message: message}
}

// wait is a Wait that tells what comes after it.
func (p *plan) wait(reason, message string) *Action { return p.waitFor(0, reason, message) }

func (p *plan) waitFor(after time.Duration, reason, message string) *Action {
	if step := p.step(); step != "" {
		message += "; next, " + step
	}
	return &Action{Kind: Wait, Reason: reason, Message: message, After: max(after, 0)}
}
