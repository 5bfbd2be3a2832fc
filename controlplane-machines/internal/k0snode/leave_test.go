// SPDX-License-Identifier: Apache-2.0

package k0snode_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
)

// leaving is m1 of three healthy controllers that have joined, deleted a minute ago, drained, an hour old.
func leaving(w *world, machines ...string) k0snode.LeaveFacts {
	report, _ := w.watch(k0snode.Memory{}, 40*time.Second, machines...)
	facts := k0snode.LeaveFacts{
		Objects: w.facts(machines...).Objects, Answered: report.Answered,
		Leaving: k0snode.Leaving{
			Name: "m1", Since: w.now.Add(-time.Minute), Hook: true, AtHook: true, Address: "10.0.0.1",
		},
		Snapshot: controlplane.Snapshot{
			Now: w.now, Initialized: true, Current: true, Strays: report.Strays,
			Etcd: controlplane.Etcd{Managed: true, MaxLearners: 5},
		},
	}
	for _, name := range machines {
		state := report.States[name]
		facts.Snapshot.Machines = append(facts.Snapshot.Machines, controlplane.Machine{
			Name: name, Parts: controlplane.Parts{Infrastructure: true, Config: true, Machine: true},
			Role: controlplane.Joining, Membership: state.Membership, Health: state.Health,
			WasMember: state.Membership == controlplane.Voting,
			Data:      controlplane.Data{Written: true, Consumed: w.now.Add(-time.Hour)},
		})
	}
	return facts
}

func three() *world {
	w := newWorld()
	for _, name := range []string{"m1", "m2", "m3"} {
		w.controller(name, newK0s)
	}
	return w
}

// leaveCase is m1 of three healthy controllers in a changed world, and what is done about it.
type leaveCase struct {
	world    func(*world)
	machines []string
	change   func(*k0snode.LeaveFacts)
	step     k0snode.Step
	reason   string
	message  string
	objects  k0snode.LeftObjects
	after    time.Duration
}

func (c leaveCase) facts() k0snode.LeaveFacts {
	w := three()
	if c.world != nil {
		c.world(w)
	}
	machines := c.machines
	if machines == nil {
		machines = []string{"m1", "m2", "m3"}
	}
	facts := leaving(w, machines...)
	if c.change != nil {
		c.change(&facts)
	}
	return facts
}

func decideAll(t *testing.T, cases map[string]leaveCase) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			facts := tc.facts()
			got := k0snode.DecideLeave(facts)
			assert.Equal(t, tc.step, got.Step, got.Message)
			assert.Equal(t, tc.reason, got.Reason, got.Message)
			assert.Contains(t, got.Message, tc.message)
			assert.Equal(t, tc.objects, got.Objects)
			assert.NotEmpty(t, got.Message)
			if tc.after != 0 {
				assert.Equal(t, tc.after, got.After)
			}
			assert.Equal(t, got, k0snode.DecideLeave(facts), "the same facts lead to the same step")
		})
	}
}

// TestDecideLeave has a case for every step and reason of members, and for what stands before what.
func TestDecideLeave(t *testing.T) {
	t.Parallel()
	all := k0snode.LeftObjects{EtcdMember: "m1", ControlNode: "m1", Lease: "k0s-ctrl-host1"}
	decideAll(t, map[string]leaveCase{
		"Orderly": {
			step:    k0snode.StepRequestLeave,
			reason:  k0snode.LeaveRequested,
			message: "asking etcd member m1 to leave",
		},
		"HookGone": {
			change: func(f *k0snode.LeaveFacts) { f.Leaving.Hook = false; f.ClusterDeleted = true },
			step:   k0snode.StepNone, reason: k0snode.HookReleased,
		},
		"ClusterDeleted": {
			change: func(f *k0snode.LeaveFacts) { f.ClusterDeleted = true; f.Leaving.AtHook = false; f.Objects = nil },
			step:   k0snode.StepRelease, reason: k0snode.EscapeClusterDeleted, message: "etcd ends with it",
		},
		"Draining": {
			change: func(f *k0snode.LeaveFacts) { f.Leaving.AtHook = false; f.Leaving.OtherHooks = []string{"backup"} },
			step:   k0snode.StepWait, reason: k0snode.WaitingForDrain,
		},
		"OtherHooks": {
			change: func(f *k0snode.LeaveFacts) { f.Leaving.OtherHooks = []string{"backup", "disks"}; f.Objects = nil },
			step:   k0snode.StepWait, reason: k0snode.WaitingForOtherHooks, message: "backup, disks",
		},
		"NotItsTurn": {
			change: func(f *k0snode.LeaveFacts) { f.Leaving.Before = []string{"m3"} },
			step:   k0snode.StepWait, reason: k0snode.WaitingForTurn, message: "waiting for m3 to leave",
		},
		"Silent": {
			change: func(f *k0snode.LeaveFacts) { f.Objects = nil },
			step:   k0snode.StepWait, reason: k0snode.WaitingForAPI, message: "by 2030-01-01T12:10:40Z",
		},
		"SilentSinceBeforeDeletion": {
			change: func(f *k0snode.LeaveFacts) { f.Objects = nil; f.Snapshot.Now = f.Snapshot.Now.Add(9 * time.Minute) },
			step:   k0snode.StepWait, reason: k0snode.WaitingForAPI,
		},
		"DeletedInSilence": {
			change: func(f *k0snode.LeaveFacts) {
				f.Objects = nil
				f.Snapshot.Now = f.Snapshot.Now.Add(time.Hour)
				f.Leaving.Since = f.Snapshot.Now.Add(-time.Minute)
			},
			step: k0snode.StepWait, reason: k0snode.WaitingForAPI,
		},
		"APIDead": {
			change: func(f *k0snode.LeaveFacts) {
				f.Objects = nil
				f.Snapshot.Now = f.Snapshot.Now.Add(10*time.Minute + time.Second)
			},
			step: k0snode.StepRelease, reason: k0snode.EscapeAPIDead, message: "has not answered since 2030-01-01T12:00:40Z",
		},
		"APIDeadNotItsTurn": {
			change: func(f *k0snode.LeaveFacts) {
				f.Objects = nil
				f.Snapshot.Now = f.Snapshot.Now.Add(time.Hour)
				f.Leaving.Before = []string{"m3"}
			},
			step: k0snode.StepWait, reason: k0snode.WaitingForTurn,
		},
		"APIDeadAndMayBeLeftOver": {
			world: never,
			change: func(f *k0snode.LeaveFacts) {
				f.Objects = nil
				f.Snapshot.Now = f.Snapshot.Now.Add(time.Hour)
			},
			step: k0snode.StepRecordLeftOver, reason: k0snode.EscapeNeverJoined,
		},
		"APIDeadAndRecorded": {
			world: never,
			change: func(f *k0snode.LeaveFacts) {
				f.Objects = nil
				f.Snapshot.Now = f.Snapshot.Now.Add(time.Hour)
				f.Snapshot.Etcd.LeftOver = []controlplane.LeftOver{{Machine: "m1", Address: "10.0.0.1"}}
			},
			step: k0snode.StepRelease, reason: k0snode.EscapeAPIDead,
		},
		"NeverJoinedInSilence": {
			world: never, change: func(f *k0snode.LeaveFacts) { f.Objects = nil },
			step: k0snode.StepWait, reason: k0snode.WaitingForAPI,
		},
		"Kine": {
			change: func(f *k0snode.LeaveFacts) {
				f.Snapshot.Etcd.Managed, f.Objects.Members = false, nil
				f.Leaving.Before = []string{"m3"}
			},
			step: k0snode.StepRemoveObjects, reason: k0snode.EscapeNoMembers, objects: k0snode.LeftObjects{ControlNode: "m1"},
		},
		"KineCleaned": {
			change: func(f *k0snode.LeaveFacts) { f.Snapshot.Etcd.Managed, f.Objects = false, &k0snode.Objects{} },
			step:   k0snode.StepRelease, reason: k0snode.EscapeNoMembers,
		},
		"KineSilent": {
			change: func(f *k0snode.LeaveFacts) { f.Snapshot.Etcd.Managed, f.Objects = false, nil },
			step:   k0snode.StepRelease, reason: k0snode.EscapeNoMembers,
		},
		"AskedAlready": {
			world: func(w *world) { w.member("m1").Leave = true; w.member("m1").Message = "Unexpected lease holder" },
			step:  k0snode.StepWait, reason: k0snode.WaitingForLeave, message: "k0s says: Unexpected lease holder",
		},
		"AskedAndQuorumLostMeanwhile": {
			world: func(w *world) { w.member("m1").Leave = true; w.stopped[lease("m2")] = true },
			step:  k0snode.StepWait, reason: k0snode.WaitingForLeave, message: "k0s says: nothing yet",
		},
		"RequestWithdrawn": {
			world: func(w *world) { w.member("m1").Message = "Waiting for another controller to take over" },
			step:  k0snode.StepRequestLeave, reason: k0snode.LeaveRequested,
		},
		"Left": {
			world: func(w *world) { w.member("m1").Joined = k0snode.JoinedFalse; w.member("m1").Leave = true },
			step:  k0snode.StepRemoveObjects, reason: k0snode.MemberLeft, message: "etcd member m1 has left", objects: all,
		},
		"LeftHalfCleaned": {
			world: func(w *world) {
				w.member("m1").Joined = k0snode.JoinedFalse
				w.objects.ControlNodes, w.objects.Leases = nil, nil
			},
			step: k0snode.StepRemoveObjects, reason: k0snode.MemberLeft, objects: k0snode.LeftObjects{EtcdMember: "m1"},
		},
		"LeftOldRelease": {
			world: func(w *world) {
				w.objects.Members[0] = k0snode.EtcdMember{Name: "m1", Joined: k0snode.JoinedFalse}
			},
			step: k0snode.StepRemoveObjects, reason: k0snode.MemberLeft,
			objects: k0snode.LeftObjects{EtcdMember: "m1", ControlNode: "m1"},
		},
		"LastMember": {
			world:    func(w *world) { w.objects.Members = w.objects.Members[:1] },
			machines: []string{"m1"},
			step:     k0snode.StepRelease, reason: k0snode.EscapeLastMember, message: "the data of the cluster end with it",
		},
		"LastMemberBesidesOneThatHasLeft": {
			world: func(w *world) {
				w.objects.Members = w.objects.Members[:2]
				w.member("m2").Joined = k0snode.JoinedFalse
			},
			machines: []string{"m1"},
			step:     k0snode.StepRelease, reason: k0snode.EscapeLastMember,
		},
		"OnlyVoterWithAJoiner": {
			world:    func(w *world) { w.objects.Members = w.objects.Members[:1] },
			machines: []string{"m1", "m2"},
			step:     k0snode.StepWait, reason: k0snode.WaitingForSuccessor, message: "others that have not joined yet",
		},
		"OnlyVoterWithANewMachine": {
			world:    func(w *world) { w.objects.Members = w.objects.Members[:1] },
			machines: []string{"m1", "m2"},
			change:   func(f *k0snode.LeaveFacts) { noData(f, 1); f.Snapshot.Machines[1].Membership = controlplane.NotMember },
			step:     k0snode.StepWait, reason: k0snode.WaitingForSuccessor,
		},
		"OnlyVoterWithHalfAMachine": {
			world:    func(w *world) { w.objects.Members = w.objects.Members[:1] },
			machines: []string{"m1", "m2"},
			change: func(f *k0snode.LeaveFacts) {
				f.Snapshot.Machines[1].Parts.Machine = false
			},
			step: k0snode.StepRelease, reason: k0snode.EscapeLastMember,
		},
		"OnlyVoterBesidesOneThatCannotBeSeen": {
			world:    func(w *world) { w.objects.Members = w.objects.Members[:1] },
			machines: []string{"m1", "m2"},
			change:   func(f *k0snode.LeaveFacts) { f.Snapshot.Machines[1].WasMember = true },
			step:     k0snode.StepWait, reason: k0snode.WaitingForQuorum,
		},
		"OnlyVoterAndALeftOver": {
			world:    func(w *world) { w.objects.Members = w.objects.Members[:1] },
			machines: []string{"m1"},
			change: func(f *k0snode.LeaveFacts) {
				f.Snapshot.Etcd.JoinersVote = true
				f.Snapshot.Etcd.LeftOver = []controlplane.LeftOver{{Machine: "m0", Address: "10.0.0.9"}}
			},
			step: k0snode.StepRelease, reason: k0snode.EscapeLastMember,
		},
		"NoMemberNeedsNoTurn": {
			world:  never,
			change: func(f *k0snode.LeaveFacts) { noData(f, 0); f.Leaving.Before = []string{"m3"} },
			step:   k0snode.StepRelease, reason: k0snode.EscapeNeverJoined,
		},
		"AnotherIsLeaving": {
			world: func(w *world) { w.member("m3").Leave = true },
			step:  k0snode.StepWait, reason: k0snode.WaitingForTurn, message: "waiting for m3 to leave",
		},
		"AnotherHasLeft": {
			world: func(w *world) { w.member("m3").Leave, w.member("m3").Joined = true, k0snode.JoinedFalse },
			step:  k0snode.StepRequestLeave, reason: k0snode.LeaveRequested,
		},
		"LeftNeedsNoTurn": {
			world:  func(w *world) { w.member("m1").Joined = k0snode.JoinedFalse },
			change: func(f *k0snode.LeaveFacts) { f.Leaving.Before = []string{"m3"} },
			step:   k0snode.StepRemoveObjects, reason: k0snode.MemberLeft, objects: all,
		},
		"OneOtherIsDown": {
			world: func(w *world) { w.stopped[lease("m2")] = true },
			step:  k0snode.StepWait, reason: k0snode.WaitingForQuorum,
			message: "of the 2 other voting members of etcd 1 are known to be healthy, and 2 are needed",
		},
		"ItselfIsDown": {
			world: func(w *world) { w.stopped[lease("m1")] = true },
			step:  k0snode.StepRequestLeave, reason: k0snode.LeaveRequested,
		},
		"OneOtherDoesNotSay": {
			world: func(w *world) { w.member("m2").Joined = k0snode.JoinedUnknown },
			step:  k0snode.StepWait, reason: k0snode.WaitingForQuorum,
		},
		"AStrayHasAVoice": {
			world:    func(w *world) { w.stopped[lease("m3")] = true },
			machines: []string{"m1", "m2"},
			step:     k0snode.StepWait, reason: k0snode.WaitingForQuorum, message: "of the 2 other voting members of etcd 1",
		},
		"AStrayThatWorksCounts": {
			machines: []string{"m1", "m2"},
			step:     k0snode.StepRequestLeave, reason: k0snode.LeaveRequested,
		},
		"OneOtherCannotBeSeen": {
			world:  func(w *world) { w.objects.Members = w.objects.Members[:2] },
			change: func(f *k0snode.LeaveFacts) { f.Snapshot.Machines[2].WasMember = true },
			step:   k0snode.StepWait, reason: k0snode.WaitingForQuorum,
		},
		"AJoinerMayVoteAlready": {
			world:  func(w *world) { w.objects.Members = w.objects.Members[:2] },
			change: func(f *k0snode.LeaveFacts) { f.Snapshot.Etcd.JoinersVote = true },
			step:   k0snode.StepWait, reason: k0snode.WaitingForQuorum,
		},
		"ALearnerHasNoVote": {
			world: func(w *world) { w.objects.Members = w.objects.Members[:2] },
			step:  k0snode.StepRequestLeave, reason: k0snode.LeaveRequested,
		},
		"TwoOfFiveAreDown": {
			world: func(w *world) {
				w.controller("m4", newK0s)
				w.controller("m5", newK0s)
				w.stopped[lease("m1")], w.stopped[lease("m4")] = true, true
			},
			machines: []string{"m1", "m2", "m3", "m4", "m5"},
			step:     k0snode.StepRequestLeave, reason: k0snode.LeaveRequested,
		},
		"TheOtherOfTwoIsDown": {
			world:    func(w *world) { w.objects.Members = w.objects.Members[:2]; w.stopped[lease("m2")] = true },
			machines: []string{"m1", "m2"},
			step:     k0snode.StepWait, reason: k0snode.WaitingForQuorum,
		},
	})
}

// TestLeaveFromBeginningToEnd walks through the steps as a reconciler does, and crashes between any two change nothing.
func TestLeaveFromBeginningToEnd(t *testing.T) {
	t.Parallel()
	w := three()
	hook, hasLeft := true, false
	decide := func() k0snode.LeaveStep {
		facts := leaving(w, "m1", "m2", "m3")
		facts.Leaving.Hook, facts.Leaving.HasLeft = hook, hasLeft
		return k0snode.DecideLeave(facts)
	}
	var steps []k0snode.Step
	for range 6 {
		step := decide()
		steps = append(steps, step.Step)
		switch step.Step {
		case k0snode.StepRequestLeave:
			w.member("m1").Leave = true
		case k0snode.StepWait:
			w.member("m1").Joined = k0snode.JoinedFalse
			w.firstLease().Holder = ""
			hasLeft = true
		case k0snode.StepRemoveObjects:
			w.objects.Members, w.objects.ControlNodes, w.objects.Leases =
				w.objects.Members[1:], w.objects.ControlNodes[1:], w.objects.Leases[1:]
		case k0snode.StepRelease:
			hook = false
		case k0snode.StepNone, k0snode.StepRevokeToken, k0snode.StepRecordLeftOver:
		}
	}
	assert.Equal(t, []k0snode.Step{
		k0snode.StepRequestLeave, k0snode.StepWait, k0snode.StepRemoveObjects, k0snode.StepRelease, k0snode.StepNone,
		k0snode.StepNone,
	}, steps)
}
