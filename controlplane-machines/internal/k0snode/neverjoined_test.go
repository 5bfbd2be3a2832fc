// SPDX-License-Identifier: Apache-2.0

package k0snode_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
)

// revoked tells that the token of m1 was revoked so long ago.
func revoked(ago time.Duration) func(*k0snode.LeaveFacts) {
	return func(f *k0snode.LeaveFacts) { f.Leaving.TokenRevoked = f.Snapshot.Now.Add(-ago) }
}

// never is a world in which m1 is no member.
func never(w *world) {
	w.objects.Members = w.objects.Members[1:]
	w.objects.ControlNodes = w.objects.ControlNodes[1:]
}

func noData(f *k0snode.LeaveFacts, machine int) {
	f.Snapshot.Machines[machine].Data = controlplane.Data{}
}

// TestDecideLeaveOfWhoNeverJoined: who is no member may become one until it is gone, or may be one that cannot be seen.
func TestDecideLeaveOfWhoNeverJoined(t *testing.T) {
	t.Parallel()
	decideAll(t, map[string]leaveCase{
		"NeverGiven": {
			world: never, change: func(f *k0snode.LeaveFacts) { noData(f, 0) },
			step: k0snode.StepRelease, reason: k0snode.EscapeNeverJoined, message: "never told how to join",
		},
		"NeverGivenInSilence": {
			world: never, change: func(f *k0snode.LeaveFacts) { noData(f, 0); f.Objects = nil },
			step: k0snode.StepRelease, reason: k0snode.EscapeNeverJoined,
		},
		"NeverGivenYetAMember": {
			change: func(f *k0snode.LeaveFacts) { noData(f, 0); f.Snapshot.Machines[0].WasMember = false },
			step:   k0snode.StepRequestLeave, reason: k0snode.LeaveRequested,
		},
		"NeverBegan": {
			world: never,
			change: func(f *k0snode.LeaveFacts) {
				f.Objects, f.Snapshot.Initialized, f.Snapshot.Machines[0].Role = nil, false, controlplane.First
			},
			step: k0snode.StepRelease, reason: k0snode.EscapeNeverJoined, message: "has not started its cluster",
		},
		"FirstOfAClusterThatHasBegun": {
			world:  never,
			change: func(f *k0snode.LeaveFacts) { f.Objects, f.Snapshot.Machines[0].Role = nil, controlplane.First },
			step:   k0snode.StepWait, reason: k0snode.WaitingForAPI,
		},
		"FirstThatWasAMember": {
			change: func(f *k0snode.LeaveFacts) {
				f.Objects, f.Snapshot.Initialized, f.Snapshot.Machines[0].Role = nil, false, controlplane.First
			},
			step: k0snode.StepWait, reason: k0snode.WaitingForAPI,
		},
		"NeverJoined": {
			world: never, step: k0snode.StepRevokeToken, reason: k0snode.WaitingForJoin, message: "revoking its join token",
		},
		"TokenJustRevoked": {
			world: never, change: revoked(time.Minute),
			step: k0snode.StepWait, reason: k0snode.WaitingForJoin, message: "until 2030-01-01T12:01:40Z", after: time.Minute,
		},
		"TokenRevokedLongAgo": {
			world: never, change: revoked(2 * time.Minute),
			step: k0snode.StepRecordLeftOver, reason: k0snode.EscapeNeverJoined,
		},
		"JoinedAfterAll": {
			change: revoked(2 * time.Minute),
			step:   k0snode.StepRequestLeave, reason: k0snode.LeaveRequested,
		},
		"LeftOverRecorded": {
			world: never,
			change: func(f *k0snode.LeaveFacts) {
				revoked(2 * time.Minute)(f)
				f.Snapshot.Etcd.LeftOver = []controlplane.LeftOver{{Machine: "m1"}}
			},
			step: k0snode.StepRelease, reason: k0snode.EscapeNeverJoined,
		},
		"LeftOverAtTheSameAddress": {
			world: never,
			change: func(f *k0snode.LeaveFacts) {
				revoked(2 * time.Minute)(f)
				f.Snapshot.Etcd.LeftOver = []controlplane.LeftOver{{Machine: "m0", Address: "10.0.0.1"}}
			},
			step: k0snode.StepRelease, reason: k0snode.EscapeNeverJoined,
		},
		"AddressIsAMembers": {
			world:  func(w *world) { never(w); w.member("m2").PeerAddress = "10.0.0.1" },
			change: revoked(2 * time.Minute),
			step:   k0snode.StepRelease, reason: k0snode.EscapeNeverJoined,
		},
		"NeverStarted": {
			world: never,
			change: func(f *k0snode.LeaveFacts) {
				revoked(2 * time.Minute)(f)
				f.Snapshot.Machines[0].Data.Consumed, f.Leaving.Address = time.Time{}, ""
			},
			step: k0snode.StepRelease, reason: k0snode.EscapeNeverJoined,
		},
		"StartedPerhaps": {
			world: never,
			change: func(f *k0snode.LeaveFacts) {
				revoked(2 * time.Minute)(f)
				f.Snapshot.Machines[0].Data.Consumed = time.Time{}
			},
			step: k0snode.StepRecordLeftOver, reason: k0snode.EscapeNeverJoined,
		},
		"FirstLeavesNothing": {
			world: never,
			change: func(f *k0snode.LeaveFacts) {
				revoked(2 * time.Minute)(f)
				f.Snapshot.Machines[0].Role = controlplane.First
			},
			step: k0snode.StepRelease, reason: k0snode.EscapeNeverJoined,
		},
		"NeverJoinedButStarted": {
			world: func(w *world) { w.objects.Members = w.objects.Members[1:] },
			change: func(f *k0snode.LeaveFacts) {
				revoked(2 * time.Minute)(f)
				f.Snapshot.Etcd.LeftOver = []controlplane.LeftOver{{Machine: "m1"}}
			},
			step: k0snode.StepRemoveObjects, reason: k0snode.EscapeNeverJoined, objects: k0snode.LeftObjects{ControlNode: "m1"},
		},
		"MemberMissing": {
			world:  never,
			change: func(f *k0snode.LeaveFacts) { f.Snapshot.Machines[0].WasMember = true },
			step:   k0snode.StepWait, reason: k0snode.WaitingForMember, message: "a restart of k0s on it writes it anew",
		},
		"MemberMissingBecauseItHasLeft": {
			world: never, change: func(f *k0snode.LeaveFacts) { f.Leaving.HasLeft = true },
			step: k0snode.StepRelease, reason: k0snode.MemberLeft,
		},
		"LeftButForControlNode": {
			world:  func(w *world) { w.objects.Members = w.objects.Members[1:] },
			change: func(f *k0snode.LeaveFacts) { f.Leaving.HasLeft = true },
			step:   k0snode.StepRemoveObjects, reason: k0snode.MemberLeft, objects: k0snode.LeftObjects{ControlNode: "m1"},
		},
		"NotInTheSnapshot": {
			world: never, machines: []string{"m2", "m3"},
			step: k0snode.StepWait, reason: k0snode.WaitingForMember,
		},
	})
}

// TestNeverJoinedFromBeginningToEnd: a joiner that never became a member goes through all precautions, once each.
func TestNeverJoinedFromBeginningToEnd(t *testing.T) {
	t.Parallel()
	w := three()
	never(w)
	facts := leaving(w, "m1", "m2", "m3")
	var steps []k0snode.Step
	for range 6 {
		step := k0snode.DecideLeave(facts)
		steps = append(steps, step.Step)
		switch step.Step {
		case k0snode.StepRevokeToken:
			facts.Leaving.TokenRevoked = facts.Snapshot.Now
		case k0snode.StepWait:
			facts.Snapshot.Now = facts.Snapshot.Now.Add(step.After)
		case k0snode.StepRecordLeftOver:
			facts.Snapshot.Etcd.LeftOver = []controlplane.LeftOver{{Machine: "m1", Address: facts.Leaving.Address}}
		case k0snode.StepRelease:
			facts.Leaving.Hook = false
		case k0snode.StepNone, k0snode.StepRequestLeave, k0snode.StepRemoveObjects:
		}
	}
	assert.Equal(t, []k0snode.Step{
		k0snode.StepRevokeToken, k0snode.StepWait, k0snode.StepRecordLeftOver, k0snode.StepRelease, k0snode.StepNone,
		k0snode.StepNone,
	}, steps)
}
