// SPDX-License-Identifier: Apache-2.0

package k0snode

import (
	"time"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

// State is what is known about the controller of a Machine.
type State struct {
	// Membership is what it is to etcd.
	Membership controlplane.Membership
	// Health is whether it works.
	Health controlplane.Health
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
	return s.Current && s.Membership == controlplane.Voting && s.Health == controlplane.Healthy && !s.Leaving
}

// settle is the state that a verdict leads to, given the one before.
func (s State) settle(v verdict, before State, now time.Time) State {
	switch {
	case v.freshness == fresh:
		s.Health, s.Message, s.Current, s.decided = controlplane.Healthy, v.message, true, now
	case v.freshness == stale:
		s.Health, s.Message, s.Current, s.decided = controlplane.Unhealthy, v.message, true, now
	case v.final:
		s.Health, s.Message, s.Current = controlplane.HealthUnknown, v.message, true
	default:
		s.decided = before.decided
		s.Health, s.Message = before.kept(v, now)
	}
	return s
}

// kept is the verdict as it was before, for as long as the grace period allows.
func (s State) kept(v verdict, now time.Time) (controlplane.Health, string) {
	if s.Health == "" || s.decided.IsZero() || now.Sub(s.decided) > GracePeriod {
		return controlplane.HealthUnknown, v.message
	}
	return s.Health, s.Message
}
