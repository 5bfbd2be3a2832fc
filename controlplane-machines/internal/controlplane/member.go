// SPDX-License-Identifier: Apache-2.0

package controlplane

// Member is a member of etcd, as its EtcdMember and its lease tell.
type Member struct {
	// Name is its name.
	Name string
	// Membership is what it is in etcd.
	Membership Membership
	// Health is whether it works.
	Health Health
	// Leaving tells that it has been asked to leave.
	Leaving bool
}

// MayVote tells that etcd may count on its vote, alive or not.
func (m *Member) MayVote() bool { return m.Membership != Left }

// IsHealthy tells that it works.
func (m *Member) IsHealthy() bool { return m.Membership == Voting && m.Health == Healthy }
