// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
)

func TestQuorumHolds(t *testing.T) {
	t.Parallel()
	// tolerated is how many of so many voters may fail.
	for voting, tolerated := range []int{-1, 0, 0, 1, 1, 2, 2, 3} {
		for unhealthy := range voting + 1 {
			q := controlplane.Quorum{Voting: voting, Unhealthy: unhealthy}
			assert.Equal(t, unhealthy <= tolerated, q.Holds(), "%+v", q)
		}
	}
}

func TestQuorumWith(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason    string
		now, then controlplane.Quorum
	}{
		"None":  {"the first is expected to work", controlplane.Quorum{}, controlplane.Quorum{Voting: 1}},
		"One":   {"the second, too", controlplane.Quorum{Voting: 1}, controlplane.Quorum{Voting: 2}},
		"Two":   {"the third may fail", controlplane.Quorum{Voting: 2}, controlplane.Quorum{Voting: 3, Unhealthy: 1}},
		"Three": {"any may", controlplane.Quorum{Voting: 3, Unhealthy: 1}, controlplane.Quorum{Voting: 4, Unhealthy: 2}},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.then, test.now.With(), test.reason)
		})
	}
}

// TestQuorum counts every kind of member at once.
func TestQuorum(t *testing.T) {
	t.Parallel()
	voting := controlplane.Voting
	s := controlplane.Snapshot{
		Machines: []controlplane.Machine{
			{Name: "healthy", Parts: whole, Membership: voting, Health: controlplane.Healthy},
			{Name: "sick", Parts: whole, Membership: voting, Health: controlplane.Unhealthy},
			{Name: "unknown", Parts: whole, Membership: controlplane.Unknown},
			{Name: "forgotten", Parts: whole, WasMember: true},
			{Name: "joining", Parts: whole, Data: controlplane.Data{Written: true}, Membership: controlplane.Learner},
			{Name: "waiting", Parts: whole},
			{Name: "left", Parts: whole, Membership: controlplane.Left},
			{Name: "half-made", Parts: controlplane.Parts{Infrastructure: true}},
		},
		Strays: []controlplane.Member{
			{Name: "stray", Membership: voting, Health: controlplane.Healthy},
			{Name: "dead-stray", Membership: voting, Health: controlplane.Unhealthy},
			{Name: "gone-stray", Membership: controlplane.Left},
		},
		Etcd: controlplane.Etcd{Managed: true, LeftOver: []controlplane.LeftOver{{Machine: "gone", Address: "10.0.0.9"}}},
	}
	assert.Equal(t, controlplane.Quorum{Voting: 6, Unhealthy: 4}, s.Quorum(), "learners have no vote")
	s.Etcd.JoinersVote = true
	assert.Equal(t, controlplane.Quorum{Voting: 8, Unhealthy: 6}, s.Quorum(), "joiners and those left over vote")

	assert.Equal(t, controlplane.Quorum{Voting: 7, Unhealthy: 6}, s.QuorumWithout("healthy"))
	assert.Equal(t, controlplane.Quorum{Voting: 7, Unhealthy: 5}, s.QuorumWithout("dead-stray"))
	assert.Equal(t, s.Quorum(), s.QuorumWithout("waiting"), "it has no vote to lose")
}
