// SPDX-License-Identifier: Apache-2.0

package k0snode_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
)

// TestMembership: what EtcdMembers say, with and without the data of the machine given.
func TestMembership(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		joined     k0snode.Joined
		notGiven   bool
		foreign    bool
		membership controlplane.Membership
		health     controlplane.Health
		message    string
	}{
		"NotStarted": {
			notGiven:   true,
			membership: controlplane.NotMember,
			health:     controlplane.HealthUnknown,
			message:    "was not started yet",
		},
		"Joining": {
			membership: controlplane.Learner,
			health:     controlplane.HealthUnknown,
			message:    "may be joining, or a learner",
		},
		"Voting": {joined: k0snode.JoinedTrue, membership: controlplane.Voting, health: controlplane.Healthy},
		"Left": {
			joined: k0snode.JoinedFalse, membership: controlplane.Left, health: controlplane.Unhealthy, message: "has left etcd",
		},
		"NotSaid": {
			joined: k0snode.JoinedUnknown, membership: controlplane.Unknown, health: controlplane.HealthUnknown,
			message: "EtcdMember m1 does not say",
		},
		"Kine": {foreign: true, membership: controlplane.Voting, health: controlplane.Healthy},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			if tc.joined != "" {
				w.controller("m1", newK0s)
				w.member("m1").Joined = tc.joined
			} else {
				w.node("m1", newK0s)
			}
			memory := k0snode.Memory{}
			var report k0snode.Report
			for range 3 {
				w.pass(10 * time.Second)
				facts := w.facts("m1")
				facts.Machines[0].DataGiven = !tc.notGiven
				if tc.foreign {
					facts.Storage = k0snode.StorageForeign
				}
				report, memory = k0snode.Judge(memory, facts)
			}
			state := report.States["m1"]
			assert.Equal(t, tc.membership, state.Membership)
			assert.Equal(t, tc.health, state.Health)
			assert.Contains(t, state.Message, tc.message)
			assert.True(t, state.Current, "another look would tell nothing else")
		})
	}
}

// TestLeases: what the lease of a member can say.
func TestLeases(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		version string
		change  func(*world)
		message string
	}{
		"Gone": {
			version: newK0s, change: func(w *world) { w.objects.Leases = nil },
			message: "k0s does not run: lease k0s-ctrl-host1 does not exist",
		},
		"Released": {
			version: newK0s, change: func(w *world) { w.firstLease().Holder = "" },
			message: "k0s has stopped: it has released its lease k0s-ctrl-host1",
		},
		"OtherHolder": {
			version: newK0s, change: func(w *world) { w.firstLease().Holder = "run-other" },
			message: "lease k0s-ctrl-host1 is held by another start of k0s",
		},
		"NotRenewed": {
			version: newK0s, change: func(w *world) { w.stopped[lease("m1")] = true },
			message: "k0s has not renewed its lease k0s-ctrl-host1 since 2030-01-01T12:00:20Z",
		},
		"NobodyHoldsIt": {
			version: "v1.34.4+k0s.0", change: func(w *world) { w.firstLease().Holder = "" },
			message: "k0s does not run: it holds no lease",
		},
		"NobodyRenews": {
			version: "v1.33.1+k0s.0", change: func(w *world) { w.stopped[lease("m1")] = true },
			message: "no controller renews its lease",
		},
		"NoLeases": {
			version: "v1.33.1+k0s.0", change: func(w *world) { w.objects.Leases = nil },
			message: "no controller renews its lease",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.controller("m1", tc.version)
			_, memory := w.watch(k0snode.Memory{}, 20*time.Second, "m1")
			tc.change(w)
			report, _ := w.watch(memory, 40*time.Second, "m1")
			assert.Equal(t, controlplane.Unhealthy, report.States["m1"].Health)
			assert.True(t, report.States["m1"].Current)
			assert.Contains(t, report.States["m1"].Message, tc.message)
		})
	}
}

// TestCounting: leases that nobody is named for are good for nobody unless they are enough for all.
func TestCounting(t *testing.T) {
	t.Parallel()
	const old, named = "v1.34.3+k0s.0", "v1.34.5+k0s.0"
	cases := map[string]struct {
		prepare  func(*world)
		machines []string
		want     map[string]controlplane.Health
	}{
		"Enough": {
			prepare:  func(w *world) { w.controller("m1", old); w.controller("m2", old) },
			machines: []string{"m1", "m2"},
			want:     map[string]controlplane.Health{"m1": controlplane.Healthy, "m2": controlplane.Healthy},
		},
		"AnotherIsJoining": {
			// Its lease could stand for that of one which has stopped.
			prepare: func(w *world) {
				w.controller("m1", old)
				w.controller("m2", old)
				w.node("m3", old)
				w.stopped[lease("m2")] = true
			},
			machines: []string{"m1", "m2", "m3"},
			want: map[string]controlplane.Health{
				"m1": controlplane.HealthUnknown,
				"m2": controlplane.HealthUnknown,
				"m3": controlplane.HealthUnknown,
			},
		},
		"AnotherIsAMemberWithoutMachine": {
			prepare: func(w *world) {
				w.controller("m1", old)
				w.controller("m9", old)
				w.stopped[lease("m1")] = true
			},
			machines: []string{"m1"},
			want:     map[string]controlplane.Health{"m1": controlplane.HealthUnknown},
		},
		"AnotherHasLeft": {
			prepare: func(w *world) {
				w.controller("m1", old)
				w.controller("m9", old)
				w.member("m9").Joined = k0snode.JoinedFalse
				w.stopped[lease("m9")] = true
			},
			machines: []string{"m1"},
			want:     map[string]controlplane.Health{"m1": controlplane.Healthy},
		},
		"UpgradeHalfDone": {
			// The lease of the one that is named counts for nobody else.
			prepare: func(w *world) {
				w.controller("m1", named)
				w.controller("m2", old)
				w.controller("m3", old)
				w.stopped[lease("m3")] = true
			},
			machines: []string{"m1", "m2", "m3"},
			want: map[string]controlplane.Health{
				"m1": controlplane.Healthy,
				"m2": controlplane.HealthUnknown,
				"m3": controlplane.HealthUnknown,
			},
		},
		"LabelsStayedBehind": {
			// An older build within the minor runs now, and does not keep the labels up.
			prepare: func(w *world) {
				w.controller("m1", named)
				w.objects.ControlNodes[0].Version = old
				w.firstLease().Holder = "run-later"
			},
			machines: []string{"m1"},
			want:     map[string]controlplane.Health{"m1": controlplane.Healthy},
		},
		"ReleaseNotKnown": {
			prepare: func(w *world) {
				w.controller("m1", named)
				w.objects.ControlNodes = nil
			},
			machines: []string{"m1"},
			want:     map[string]controlplane.Health{"m1": controlplane.Healthy},
		},
		"SameHostName": {
			prepare: func(w *world) {
				w.controller("m1", old)
				w.controller("m2", old)
				w.objects.Leases = w.objects.Leases[:1]
			},
			machines: []string{"m1", "m2"},
			want:     map[string]controlplane.Health{"m1": controlplane.HealthUnknown, "m2": controlplane.HealthUnknown},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			tc.prepare(w)
			report, _ := w.watch(k0snode.Memory{}, time.Minute, tc.machines...)
			for machine, want := range tc.want {
				assert.Equal(t, want, report.States[machine].Health, "%s: %s", machine, report.States[machine].Message)
			}
		})
	}
}

// TestStrays: members without a Machine are judged like those with one.
func TestStrays(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for _, name := range []string{"m1", "m6", "m7", "m8", "m9"} {
		w.controller(name, newK0s)
	}
	w.member("m6").Joined = k0snode.JoinedUnknown
	w.stopped[lease("m7")] = true
	w.member("m8").Leave = true
	w.member("m9").Joined = k0snode.JoinedFalse
	first, _ := w.watch(k0snode.Memory{}, 0, "m1")
	assert.Equal(t, controlplane.HealthUnknown, first.Strays[1].Health, "one look tells nothing")
	report, memory := w.watch(k0snode.Memory{}, 40*time.Second, "m1")
	want := []controlplane.Member{
		{Name: "m6", Membership: controlplane.Unknown, Health: controlplane.HealthUnknown},
		{Name: "m7", Membership: controlplane.Voting, Health: controlplane.Unhealthy},
		{Name: "m8", Membership: controlplane.Voting, Health: controlplane.Healthy, Leaving: true},
		{Name: "m9", Membership: controlplane.Left, Health: controlplane.Unhealthy},
	}
	assert.Equal(t, want, report.Strays)
	assert.NotContains(t, report.States, "m8")

	w.pass(25 * time.Second)
	w.stopped[lease("m8")] = true
	_, memory = k0snode.Judge(memory, w.facts("m1"))
	w.pass(25 * time.Second)
	report, _ = k0snode.Judge(memory, w.facts("m1"))
	assert.Equal(t, controlplane.HealthUnknown, report.Strays[2].Health, "a verdict that is kept is none")
}

// TestRemains: only what has left and has no Machine is removed, with all that was written about it.
func TestRemains(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for _, name := range []string{"m1", "m6", "m7", "m8", "m9"} {
		w.controller(name, newK0s)
	}
	w.member("m1").Joined = k0snode.JoinedFalse
	w.member("m6").Joined = k0snode.JoinedUnknown
	w.member("m8").Joined, w.member("m8").Lease = k0snode.JoinedFalse, ""
	w.member("m9").Joined = k0snode.JoinedFalse
	report, _ := w.watch(k0snode.Memory{}, 0, "m1")
	assert.Equal(t, []k0snode.LeftObjects{
		{EtcdMember: "m8", ControlNode: "m8"}, {EtcdMember: "m9", ControlNode: "m9", Lease: lease("m9")},
	}, k0snode.Remains(&w.objects, report.Strays))
	silent := w.facts("m1")
	silent.Objects = nil
	report, _ = k0snode.Judge(k0snode.Memory{}, silent)
	assert.Empty(t, k0snode.Remains(nil, report.Strays))
}

// TestStrayBecomesAMachines: the verdict goes with the name, whoever it belongs to.
func TestStrayBecomesAMachines(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.controller("m1", newK0s)
	_, memory := w.watch(k0snode.Memory{}, 20*time.Second)
	report, _ := k0snode.Judge(memory, w.facts("m1"))
	assert.True(t, report.States["m1"].IsHealthyVoter())
	assert.Empty(t, report.Strays)
}

// TestPresence: where there are no members, a controller is one once it has been seen at work.
func TestPresence(t *testing.T) {
	t.Parallel()
	voting, learner, none := controlplane.Voting, controlplane.Learner, controlplane.NotMember
	cases := map[string]struct {
		reason string
		world  func(*world)
		change func(*k0snode.Machine)
		want   controlplane.Membership
	}{
		"Seen": {reason: "it has a ControlNode", want: voting},
		"NotStarted": {
			reason: "it has no data", world: func(w *world) { w.objects.ControlNodes = nil },
			change: func(m *k0snode.Machine) { m.DataGiven = false }, want: none,
		},
		"Starting": {
			reason: "others have a ControlNode", world: func(w *world) { w.objects.ControlNodes[0].Name = "m2" }, want: learner,
		},
		"WithoutAutopilot": {
			reason: "there are no ControlNodes, and its lease is the only one",
			world:  func(w *world) { w.objects.ControlNodes = nil }, want: voting,
		},
		"WithoutAutopilotNotRenewed": {
			reason: "nobody was seen at work",
			world:  func(w *world) { w.objects.ControlNodes, w.stopped[lease("m1")] = nil, true }, want: learner,
		},
		"WasSeen": {
			reason: "it was seen before, and its ControlNode is lost",
			world:  func(w *world) { w.objects = k0snode.Objects{} },
			change: func(m *k0snode.Machine) { m.WasMember = true }, want: voting,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.node("m1", newK0s)
			if tc.world != nil {
				tc.world(w)
			}
			memory := k0snode.Memory{}
			var report k0snode.Report
			for range 5 {
				w.pass(10 * time.Second)
				facts := w.facts("m1")
				facts.Storage = k0snode.StorageForeign
				if tc.change != nil {
					tc.change(&facts.Machines[0])
				}
				report, memory = k0snode.Judge(memory, facts)
			}
			assert.Equal(t, tc.want, report.States["m1"].Membership, tc.reason)
		})
	}
}

// TestLeavingIsNoVoterToCountOn: it may stop at any time.
func TestLeavingIsNoVoterToCountOn(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.controller("m1", newK0s)
	w.member("m1").Leave = true
	report, _ := w.watch(k0snode.Memory{}, 20*time.Second, "m1")
	assert.Equal(t, controlplane.Healthy, report.States["m1"].Health)
	assert.True(t, report.States["m1"].Leaving)
	assert.False(t, report.States["m1"].IsHealthyVoter())
}

// TestVersions: what runs is what the ControlNode tells, and nothing else.
func TestVersions(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"", "latest", "v0.0.0"} {
		w := newWorld()
		w.controller("m1", newK0s)
		w.objects.ControlNodes[0].Version = version
		report, _ := w.watch(k0snode.Memory{}, 20*time.Second, "m1")
		assert.True(t, report.States["m1"].Version.IsZero(), version)
		assert.Equal(t, controlplane.Healthy, report.States["m1"].Health, "a controller works without autopilot")
	}
}

// TestFactsStayAsTheyAre: the judgement changes nothing it was given, so that a pass can be repeated.
func TestFactsStayAsTheyAre(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.controller("m1", newK0s)
	w.controller("m2", "v1.33.1+k0s.0")
	_, memory := w.watch(k0snode.Memory{}, 20*time.Second, "m1", "m2")
	w.pass(10 * time.Second)
	first, one := k0snode.Judge(memory, w.facts("m1", "m2"))
	second, two := k0snode.Judge(memory, w.facts("m1", "m2"))
	assert.Equal(t, first, second)
	assert.Equal(t, one, two)
}
