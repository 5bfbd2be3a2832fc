// SPDX-License-Identifier: Apache-2.0

package double_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/testenv/double"
)

// TestReleases: each release writes the labels that it writes. Members leave in each, but where the invocation is named
// and the lease is not: there k0s looks for a lease that is called like the member, and hosts are called otherwise here.
func TestReleases(t *testing.T) {
	tests := map[string]struct {
		invocation, lease, learner, version bool
		// stuck tells that a leave looks for the lease by the name of the member.
		stuck bool
	}{
		"v1.31.6":       {},
		"v1.33.5+k0s.0": {version: true},
		"v1.34.3":       {version: true},
		"v1.34.4":       {invocation: true, version: true, stuck: true},
		"v1.34.5":       {invocation: true, lease: true, version: true},
		"v1.35.1":       {invocation: true, version: true, stuck: true},
		"v1.35.5":       {invocation: true, lease: true, learner: true, version: true},
		"v1.36.0":       {invocation: true, lease: true, version: true},
		newest:          {invocation: true, lease: true, learner: true, version: true},
		"v1.37.0":       {invocation: true, lease: true, learner: true, version: true},
	}
	for version, want := range tests {
		t.Run(version, func(t *testing.T) {
			w := newWorld(t, func(o *double.Options) { o.Workload = double.InMemory() })
			w.controller("m1", release(version))
			w.turns(2)
			w.healthy("m1")
			w.controller("m2", release(version), joins)
			w.turns(1)
			assert.Equal(t, want.learner, w.Learners() == 1)
			w.turns(2)

			member := w.etcdMember("m2")
			assert.Equal(t, want.invocation, member.Invocation != "")
			assert.Equal(t, want.lease, member.Lease != "")
			assert.Equal(t, want.version, w.objects().ControlNodes[0].Version != "")

			w.askToLeave("m2")
			w.turns(4)
			assert.Empty(t, w.Alarms())
			if want.stuck {
				assert.Equal(t, "No k0s controller lease found", w.etcdMember("m2").Message)
				assert.Len(t, w.Voters(), 2)
				return
			}
			assert.Equal(t, []string{"m1"}, w.Voters())
			assert.Equal(t, k0snode.JoinedFalse, w.etcdMember("m2").Joined)
			report := w.judge(5, "m1", "m2")
			assert.True(t, report.States["m1"].IsHealthyVoter())
			assert.Equal(t, controlplane.Left, report.States["m2"].Membership)
		})
	}
}

// TestLeaderYields: the leader hands over before it leaves, and the last controller stays.
func TestLeaderYields(t *testing.T) {
	w := newWorld(t)
	w.members(nil, "m1", "m2")
	w.askToLeave("m1")
	w.turns(1)
	assert.Equal(t, "Waiting for another controller to take over", w.etcdMember("m1").Message)
	assert.Equal(t, k0snode.JoinedTrue, w.etcdMember("m1").Joined)
	w.turns(3)
	assert.Equal(t, []string{"m2"}, w.Voters())
	assert.Equal(t, "No such member ID", w.etcdMember("m1").Message)
	var released int
	for _, lease := range w.leases() {
		if *lease.Spec.HolderIdentity == "" {
			released++
		}
	}
	assert.Equal(t, 1, released)

	w.askToLeave("m2")
	w.turns(3)
	assert.Equal(t, []string{"m2"}, w.Voters())
	assert.Contains(t, w.etcdMember("m2").Message, "only active controller")
}

// TestDeadMemberLeaves: the leader removes it when its lease has been old for long enough.
func TestDeadMemberLeaves(t *testing.T) {
	w := newWorld(t)
	w.members(nil, "m1", "m2", "m3")
	w.Kill("m3")
	w.askToLeave("m3")
	w.turns(2)
	assert.Equal(t, "Member is still active; waiting for it to shutdown", w.etcdMember("m3").Message,
		"its lease is good yet")
	w.clock.Step(2 * time.Minute)
	w.turns(2)
	assert.Equal(t, "Member is offline; waiting for it to leave", w.etcdMember("m3").Message)
	assert.Len(t, w.Voters(), 3)
	w.clock.Step(4 * time.Minute)
	w.turns(1)
	assert.Equal(t, []string{"m1", "m2"}, w.Voters())
	assert.Equal(t, k0snode.JoinedFalse, w.etcdMember("m3").Joined)
}

func TestLeaveNeedsTheLease(t *testing.T) {
	w := newWorld(t)
	w.members(nil, "m1", "m2", "m3")
	w.Kill("m3")
	lease := k0snode.LeaseObject(w.etcdMember("m3").Lease)
	require.NoError(t, w.workload.Delete(t.Context(), lease))
	w.askToLeave("m3")
	w.turns(2)
	assert.Equal(t, "No k0s controller lease found", w.etcdMember("m3").Message)
	assert.Len(t, w.Voters(), 3)
}

// TestRestartWithdraws: a controller that starts again is another start of k0s, and stays.
func TestRestartWithdraws(t *testing.T) {
	w := newWorld(t)
	w.members(nil, "m1", "m2", "m3")
	w.Kill("m3")
	w.askToLeave("m3")
	w.turns(1)
	before := w.etcdMember("m3")
	assert.True(t, before.Leave)
	w.Restart("m3")
	w.turns(2)
	after := w.etcdMember("m3")
	assert.False(t, after.Leave)
	assert.NotEqual(t, before.Invocation, after.Invocation)
	assert.Equal(t, before.Lease, after.Lease)
	assert.Len(t, w.Voters(), 3)

	w.Kill("m3")
	w.Restart("m3")
	w.turns(1)
	assert.NotEqual(t, after.Invocation, w.etcdMember("m3").Invocation)
}
