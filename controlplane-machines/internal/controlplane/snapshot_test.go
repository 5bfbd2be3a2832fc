// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
)

var whole = controlplane.Parts{Infrastructure: true, Config: true, Machine: true}

func TestHasBegun(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason   string
		snapshot controlplane.Snapshot
		want     bool
	}{
		"Nothing":     {reason: "there is nothing yet"},
		"Initialized": {reason: "the status says so", snapshot: controlplane.Snapshot{Initialized: true}, want: true},
		"First": {
			reason: "it may still be starting",
			snapshot: controlplane.Snapshot{Machines: []controlplane.Machine{
				{Name: "a", Parts: whole, Role: controlplane.First, Membership: controlplane.Learner},
			}},
		},
		"FirstIsAMember": {
			reason: "it has started the cluster",
			snapshot: controlplane.Snapshot{Machines: []controlplane.Machine{
				{Name: "a", Parts: whole, Role: controlplane.First, Membership: controlplane.Voting},
			}},
			want: true,
		},
		"FirstWasAMember": {
			reason: "contact and status may be lost",
			snapshot: controlplane.Snapshot{Machines: []controlplane.Machine{
				{Name: "a", Parts: whole, Role: controlplane.First, Membership: controlplane.Unknown, WasMember: true},
			}},
			want: true,
		},
		"Joining": {
			reason: "only a cluster that has begun is joined",
			snapshot: controlplane.Snapshot{Machines: []controlplane.Machine{
				{Name: "a", Parts: whole, Role: controlplane.Joining},
			}},
			want: true,
		},
		"Two": {
			reason: "a second is created only then",
			snapshot: controlplane.Snapshot{
				Machines: []controlplane.Machine{{Name: "a", Parts: whole}, {Name: "b", Parts: whole}},
			},
			want: true,
		},
		"HalfMade": {
			reason: "nothing of it has run",
			snapshot: controlplane.Snapshot{Machines: []controlplane.Machine{
				{Name: "a", Parts: whole, Role: controlplane.First},
				{Name: "b", Parts: controlplane.Parts{Config: true}, Role: controlplane.Joining},
			}},
		},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, test.snapshot.HasBegun(), test.reason)
		})
	}
}

func TestMachine(t *testing.T) {
	t.Parallel()
	type facts struct{ Voting, Healthy, NeverJoined, MayVote, MayBeJoining bool }
	given := controlplane.Data{Written: true}
	cases := map[string]struct {
		machine controlplane.Machine
		want    facts
	}{
		"New":   {controlplane.Machine{}, facts{NeverJoined: true}},
		"Given": {controlplane.Machine{Data: given}, facts{NeverJoined: true, MayBeJoining: true}},
		"Learner": {
			controlplane.Machine{Data: given, Membership: controlplane.Learner},
			facts{NeverJoined: true, MayBeJoining: true},
		},
		"Healthy": {
			controlplane.Machine{Data: given, Membership: controlplane.Voting, Health: controlplane.Healthy},
			facts{Voting: true, Healthy: true, MayVote: true},
		},
		"Unhealthy": {
			controlplane.Machine{Data: given, Membership: controlplane.Voting, Health: controlplane.Unhealthy},
			facts{Voting: true, MayVote: true},
		},
		"HealthUnknown": {
			controlplane.Machine{Data: given, Membership: controlplane.Voting, Health: controlplane.HealthUnknown},
			facts{Voting: true, MayVote: true},
		},
		"Unknown": {controlplane.Machine{Data: given, Membership: controlplane.Unknown}, facts{MayVote: true}},
		"Forgotten": {
			controlplane.Machine{Data: given, Membership: controlplane.NotMember, WasMember: true}, facts{MayVote: true},
		},
		"Left": {controlplane.Machine{Data: given, Membership: controlplane.Left, WasMember: true}, facts{NeverJoined: true}},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := test.machine
			m.Parts = whole
			assert.Equal(t, test.want, facts{
				Voting: m.IsVoting(), Healthy: m.IsHealthy(), NeverJoined: m.NeverJoined(), MayVote: m.MayVote(),
				MayBeJoining: m.MayBeJoining(),
			})
		})
	}
}

func TestHalfMadeHasNoVote(t *testing.T) {
	t.Parallel()
	m := controlplane.Machine{Parts: controlplane.Parts{Infrastructure: true}, Membership: controlplane.Unknown}
	assert.True(t, m.HalfMade())
	assert.False(t, m.MayVote())
	m.Parts.Machine = true
	assert.False(t, m.HalfMade())
}

func TestJoinTimeLeft(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	m := controlplane.Machine{}
	assert.Equal(t, controlplane.JoinTimeout, m.JoinTimeLeft(now), "its time begins with its data")
	m.Data.Consumed = now.Add(-10 * time.Minute)
	assert.Equal(t, 5*time.Minute, m.JoinTimeLeft(now))
	m.Data.Consumed = now.Add(-20 * time.Minute)
	assert.Equal(t, -5*time.Minute, m.JoinTimeLeft(now))
}

func TestFlags(t *testing.T) {
	t.Parallel()
	m := controlplane.Machine{}
	assert.False(t, m.IsDeleting())
	assert.False(t, m.IsOutdated())
	m.DeletingSince, m.Outdated = time.Unix(1, 0), []string{"version"}
	assert.True(t, m.IsDeleting())
	assert.True(t, m.IsOutdated())
}
