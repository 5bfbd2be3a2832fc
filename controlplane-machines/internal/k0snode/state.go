// SPDX-License-Identifier: Apache-2.0

package k0snode

import (
	"time"

	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

// Membership is what a Machine is to etcd.
type Membership string

// The memberships.
const (
	// NotMember: it was never given the data to join with, or k0s runs no etcd.
	NotMember Membership = "NotMember"
	// Learner: it was given its data and is no voting member. It may be a learner, which is invisible from outside.
	Learner Membership = "Learner"
	// Voting: it is a voting member.
	Voting Membership = "Voting"
	// Left: it was a member, and is none any more.
	Left Membership = "Left"
	// UnknownMembership: the workload cluster does not say, or does not answer.
	UnknownMembership Membership = "Unknown"
)

// Health is whether a controller works.
type Health string

// The healths. Unknown is not healthy.
const (
	// Healthy: its lease is renewed, so k0s, its API server and its member of etcd work.
	Healthy Health = "Healthy"
	// Unhealthy: there is evidence that it does not work.
	Unhealthy Health = "Unhealthy"
	// UnknownHealth: there is no evidence either way.
	UnknownHealth Health = "Unknown"
)

// State is what is known about the controller of a Machine.
type State struct {
	// Membership is what it is to etcd.
	Membership Membership
	// Health is whether it works.
	Health Health
	// Message says why, for people. It does not change while nothing happens.
	Message string
	// Current tells that this is what the last look showed. When it is false, there was nothing new to learn and the
	// verdict before is kept, for GracePeriod at most: it is good to be shown, but nothing may be decided on it.
	Current bool
	// Leaving tells that the member was asked to leave etcd.
	Leaving bool
	// Version is the k0s release that runs; zero when it is not known.
	Version k0sversion.Version
	// PeerAddress is where the other members of etcd reach it; empty when it is not known.
	PeerAddress string
	// Lease is the name of its lease; empty when it is not known.
	Lease string

	// decided is when, by our clock, Health was last based on evidence.
	decided time.Time
}

// IsHealthyVoter tells whether the controller may be counted on now, by evidence of the last look.
func (s State) IsHealthyVoter() bool {
	return s.Current && s.Membership == Voting && s.Health == Healthy && !s.Leaving
}

// settle is the state that a verdict leads to, given the one before.
func (s State) settle(v verdict, before State, now time.Time) State {
	switch {
	case v.freshness == fresh:
		s.Health, s.Message, s.Current, s.decided = Healthy, v.message, true, now
	case v.freshness == stale:
		s.Health, s.Message, s.Current, s.decided = Unhealthy, v.message, true, now
	case v.final:
		s.Health, s.Message, s.Current = UnknownHealth, v.message, true
	default:
		s.decided = before.decided
		s.Health, s.Message = before.kept(v, now)
	}
	return s
}

// kept is the verdict as it was before, for as long as the grace period allows.
func (s State) kept(v verdict, now time.Time) (Health, string) {
	if s.Health == "" || s.decided.IsZero() || now.Sub(s.decided) > GracePeriod {
		return UnknownHealth, v.message
	}
	return s.Health, s.Message
}
