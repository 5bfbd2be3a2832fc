// SPDX-License-Identifier: Apache-2.0

package k0snode_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
)

// leaving is m1 of three healthy controllers, deleted a minute ago, drained, an hour old.
func leaving(w *world, machines ...string) k0snode.LeaveFacts {
	report, _ := w.watch(k0snode.Memory{}, 40*time.Second, machines...)
	facts := w.facts(machines...)
	return k0snode.LeaveFacts{
		Now: w.now, Storage: facts.Storage, Objects: facts.Objects, Report: report,
		Leaving: k0snode.Leaving{
			Name: "m1", Since: w.now.Add(-time.Minute), DataGiven: w.now.Add(-time.Hour), Hook: true, AtHook: true,
		},
	}
}

func three() *world {
	w := newWorld()
	for _, name := range []string{"m1", "m2", "m3"} {
		w.controller(name, newK0s)
	}
	return w
}

// TestDecideLeave has a case for every step and reason, and for what stands before what.
func TestDecideLeave(t *testing.T) {
	t.Parallel()
	all := k0snode.LeftObjects{EtcdMember: "m1", ControlNode: "m1", Lease: "k0s-ctrl-host1"}
	cases := map[string]struct {
		world    func(*world)
		machines []string
		change   func(*k0snode.LeaveFacts)
		step     k0snode.Step
		reason   string
		message  string
		objects  k0snode.LeftObjects
	}{
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
			change: func(f *k0snode.LeaveFacts) { f.Objects = nil; f.Now = f.Now.Add(9 * time.Minute) },
			step:   k0snode.StepWait, reason: k0snode.WaitingForAPI,
		},
		"DeletedInSilence": {
			change: func(f *k0snode.LeaveFacts) {
				f.Objects = nil
				f.Now = f.Now.Add(time.Hour)
				f.Leaving.Since = f.Now.Add(-time.Minute)
			},
			step: k0snode.StepWait, reason: k0snode.WaitingForAPI,
		},
		"APIDead": {
			change: func(f *k0snode.LeaveFacts) { f.Objects = nil; f.Now = f.Now.Add(10*time.Minute + time.Second) },
			step:   k0snode.StepRelease, reason: k0snode.EscapeAPIDead, message: "has not answered since 2030-01-01T12:00:40Z",
		},
		"APIDeadNotItsTurn": {
			change: func(f *k0snode.LeaveFacts) {
				f.Objects = nil
				f.Now = f.Now.Add(time.Hour)
				f.Leaving.Before = []string{"m3"}
			},
			step: k0snode.StepWait, reason: k0snode.WaitingForTurn,
		},
		"Kine": {
			change: func(f *k0snode.LeaveFacts) {
				f.Storage, f.Objects.Members = k0snode.StorageForeign, nil
				f.Leaving.Before = []string{"m3"}
			},
			step: k0snode.StepRemoveObjects, reason: k0snode.EscapeNoMembers, objects: k0snode.LeftObjects{ControlNode: "m1"},
		},
		"KineCleaned": {
			change: func(f *k0snode.LeaveFacts) { f.Storage, f.Objects = k0snode.StorageForeign, &k0snode.Objects{} },
			step:   k0snode.StepRelease, reason: k0snode.EscapeNoMembers,
		},
		"KineSilent": {
			change: func(f *k0snode.LeaveFacts) { f.Storage, f.Objects = k0snode.StorageForeign, nil },
			step:   k0snode.StepRelease, reason: k0snode.EscapeNoMembers,
		},
		"NeverStarted": {
			world: func(w *world) { w.objects.Members = w.objects.Members[1:]; w.objects.ControlNodes = nil },
			change: func(f *k0snode.LeaveFacts) {
				f.Leaving.DataGiven = time.Time{}
			},
			step: k0snode.StepRelease, reason: k0snode.EscapeNeverJoined,
		},
		"JoiningRightNow": {
			world:  func(w *world) { w.objects.Members = w.objects.Members[1:] },
			change: func(f *k0snode.LeaveFacts) { f.Leaving.DataGiven = f.Now.Add(-time.Minute) },
			step:   k0snode.StepWait, reason: k0snode.WaitingForJoin, message: "until 2030-01-01T12:04:40Z",
		},
		"NeverJoined": {
			world: func(w *world) {
				w.objects.Members = w.objects.Members[1:]
				w.objects.ControlNodes = w.objects.ControlNodes[1:]
			},
			change: func(f *k0snode.LeaveFacts) { f.Leaving.DataGiven = f.Now.Add(-5 * time.Minute) },
			step:   k0snode.StepRelease, reason: k0snode.EscapeNeverJoined,
		},
		"NeverJoinedButStarted": {
			world: func(w *world) { w.objects.Members = w.objects.Members[1:] },
			step:  k0snode.StepRemoveObjects, reason: k0snode.EscapeNeverJoined, objects: k0snode.LeftObjects{ControlNode: "m1"},
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
			change: func(f *k0snode.LeaveFacts) {
				f.Report.States["m2"] = k0snode.State{Membership: controlplane.NotMember}
			},
			step: k0snode.StepWait, reason: k0snode.WaitingForSuccessor,
		},
		"NoMemberNeedsNoTurn": {
			world:  func(w *world) { w.objects.Members, w.objects.ControlNodes = w.objects.Members[1:], nil },
			change: func(f *k0snode.LeaveFacts) { f.Leaving.Before = []string{"m3"} },
			step:   k0snode.StepRelease, reason: k0snode.EscapeNeverJoined,
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
			machines: []string{"m1", "m2"},
			step:     k0snode.StepWait, reason: k0snode.WaitingForQuorum, message: "of the 2 other voting members of etcd 1",
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
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := three()
			if tc.world != nil {
				tc.world(w)
			}
			machines := tc.machines
			if machines == nil {
				machines = []string{"m1", "m2", "m3"}
			}
			facts := leaving(w, machines...)
			if tc.change != nil {
				tc.change(&facts)
			}
			got := k0snode.DecideLeave(facts)
			assert.Equal(t, tc.step, got.Step, got.Message)
			assert.Equal(t, tc.reason, got.Reason, got.Message)
			assert.Contains(t, got.Message, tc.message)
			assert.Equal(t, tc.objects, got.Objects)
			assert.NotEmpty(t, got.Message)
			assert.Equal(t, got, k0snode.DecideLeave(facts), "the same facts lead to the same step")
		})
	}
}

// TestOldVerdictsDoNotCount: what is shown in the grace period is not decided on.
func TestOldVerdictsDoNotCount(t *testing.T) {
	t.Parallel()
	w := three()
	_, memory := w.watch(k0snode.Memory{}, 40*time.Second, "m1", "m2", "m3")
	facts := leaving(w, "m1", "m2", "m3")
	silent := w.facts("m1", "m2", "m3")
	silent.Objects = nil
	facts.Report, _ = k0snode.Judge(memory, silent)
	assert.Equal(t, controlplane.Healthy, facts.Report.States["m2"].Health)
	assert.Equal(t, k0snode.WaitingForQuorum, k0snode.DecideLeave(facts).Reason)
}

// TestLeaveFromBeginningToEnd walks through the steps as a reconciler does, and crashes between any two change nothing.
func TestLeaveFromBeginningToEnd(t *testing.T) {
	t.Parallel()
	w := three()
	hook := true
	decide := func() k0snode.LeaveStep {
		facts := leaving(w, "m1", "m2", "m3")
		facts.Leaving.Hook = hook
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
		case k0snode.StepRemoveObjects:
			w.objects.Members, w.objects.ControlNodes, w.objects.Leases =
				w.objects.Members[1:], w.objects.ControlNodes[1:], w.objects.Leases[1:]
		case k0snode.StepRelease:
			hook = false
		case k0snode.StepNone:
		}
	}
	assert.Equal(t, []k0snode.Step{
		k0snode.StepRequestLeave, k0snode.StepWait, k0snode.StepRemoveObjects, k0snode.StepRelease, k0snode.StepNone,
		k0snode.StepNone,
	}, steps)
}

func TestLeftoverMessage(t *testing.T) {
	t.Parallel()
	w := newWorld()
	message := k0snode.LeftoverMessage("m1", "10.0.0.1", w.now)
	assert.Contains(t, message, "k0s etcd leave --peer-address 10.0.0.1")
	assert.Contains(t, message, "m1")
	assert.Contains(t, message, "2030-01-01T12:00:00Z")
}
