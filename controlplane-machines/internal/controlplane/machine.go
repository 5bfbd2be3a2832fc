// SPDX-License-Identifier: Apache-2.0

package controlplane

import "time"

// JoinTimeout is how long a Machine may take from consuming its bootstrap data to being a member.
const JoinTimeout = 15 * time.Minute

// Role is the part that a controller plays when it starts. It is fixed in its K0sControllerConfig.
type Role string

const (
	// First starts the cluster.
	First Role = "First"
	// Joining joins it.
	Joining Role = "Joining"
)

// Membership is what a Machine is in etcd.
type Membership string

const (
	// NotMember has not been given the data to join with, or there are no members. The zero value is the same.
	NotMember Membership = "NotMember"
	// Learner has been given its data and is no voting member: it may be one already, which is invisible from outside.
	Learner Membership = "Learner"
	// Voting has an EtcdMember that is Joined.
	Voting Membership = "Voting"
	// Left has an EtcdMember that is Joined no more.
	Left Membership = "Left"
	// Unknown is what cannot be told. It is taken for a voter that does not answer.
	Unknown Membership = "Unknown"
)

// Health is whether a member works: its API server and its etcd, as the lease proves that it renews through both.
type Health string

const (
	// Healthy renews its lease. Everything else, the zero value too, counts as unhealthy.
	Healthy Health = "Healthy"
	// Unhealthy renews it no more.
	Unhealthy Health = "Unhealthy"
	// HealthUnknown is what cannot be told.
	HealthUnknown Health = "Unknown"
)

// Machine is one machine of the control plane, from the first object of its name to the last.
type Machine struct {
	// Name is the name of all its objects.
	Name string
	// Parts tells which of them exist.
	Parts Parts
	// Created is when the Machine was created.
	Created time.Time
	// DeletingSince is when the deletion of the Machine, or of what there is of a half-made one, was requested; zero when
	// it was not.
	DeletingSince time.Time
	// FailureDomain is where it runs; empty without failure domains.
	FailureDomain string
	// DeleteMark tells that a user wants it to go first: the annotation cluster.x-k8s.io/delete-machine.
	DeleteMark bool
	// Outdated is why it differs from what the control plane wants, for people; empty when it does not.
	Outdated []string
	// Role is the role in its config; empty without config.
	Role Role
	// Data is its bootstrap data.
	Data Data
	// Membership is what it is in etcd.
	Membership Membership
	// WasMember tells that it has been seen voting before. It is recorded on the Machine, so that a member whose EtcdMember
	// is lost is not mistaken for one that never joined.
	WasMember bool
	// Health is whether it works, HealthMessage why not, for people.
	Health        Health
	HealthMessage string
}

// Parts are the objects that a Machine consists of, in the order in which they are created.
type Parts struct {
	Infrastructure bool
	Config         bool
	Machine        bool
}

// Data is the bootstrap data of a Machine.
type Data struct {
	// Written tells that its Secret exists: from then on the controller may join at any time.
	Written bool
	// Consumed is when infrastructure took it: since when the controller should be starting. Zero: not yet.
	Consumed time.Time
}

// HalfMade tells that objects of this name exist without their Machine. Nothing of it has ever run: infrastructure and
// bootstrap data are made for Machines alone.
func (m *Machine) HalfMade() bool { return !m.Parts.Machine }

// IsDeleting tells that it is on its way out.
func (m *Machine) IsDeleting() bool { return !m.DeletingSince.IsZero() }

// IsOutdated tells that it differs from what is wanted.
func (m *Machine) IsOutdated() bool { return len(m.Outdated) > 0 }

// IsVoting tells that it is a full member.
func (m *Machine) IsVoting() bool { return m.Membership == Voting }

// IsHealthy tells that it is a full member and works.
func (m *Machine) IsHealthy() bool { return m.IsVoting() && m.Health == Healthy }

// NeverJoined tells that it is no member and never was one, for all that is known: it has no vote that could be missed.
func (m *Machine) NeverJoined() bool {
	switch m.Membership {
	case NotMember, Learner, "":
		return !m.WasMember
	case Left:
		return true
	default:
		return false
	}
}

// MayVote tells that etcd may count on its vote, alive or not.
func (m *Machine) MayVote() bool { return m.Parts.Machine && !m.NeverJoined() }

// MayBeJoining tells that it may become a member at any time.
func (m *Machine) MayBeJoining() bool {
	return m.Data.Written && m.NeverJoined() && m.Membership != Left
}

// JoinTimeLeft is how long it may still take to become a member, negative when it is overdue. It is the full time until
// the bootstrap data is consumed.
func (m *Machine) JoinTimeLeft(now time.Time) time.Duration {
	if m.Data.Consumed.IsZero() {
		return JoinTimeout
	}
	return JoinTimeout - now.Sub(m.Data.Consumed)
}
