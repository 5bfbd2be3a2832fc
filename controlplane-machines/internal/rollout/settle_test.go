// SPDX-License-Identifier: Apache-2.0

package rollout_test

import (
	"testing"
	"time"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/rollout"
)

// fresh is a cluster that has not begun.
func fresh(changes ...change) controlplane.Snapshot {
	return atRest(0, append([]change{want(3), noContact}, changes...)...)
}

func first(name string) rollout.Action {
	return rollout.Action{
		Kind: rollout.Create, Machine: name, Reason: rollout.ReasonInitializing, Role: controlplane.First,
	}
}

func TestInitialization(t *testing.T) {
	t.Parallel()
	decide(t, map[string]decision{
		"RecordsTheFirst": {reason: "the name comes first", snapshot: fresh(), want: first("")},
		"TheFirst":        {reason: "then the Machine", snapshot: fresh(recorded("cp-1")), want: first("cp-1")},
		"Alone": {
			reason:   "all others join it",
			snapshot: fresh(machine("cp-1", started(controlplane.First, 5*time.Minute))),
			want: waitsFor(
				rollout.ReasonWaitingForInitialization,
				10*time.Minute,
			),
			message: []string{"cp-1 starts the cluster"},
		},
		"AloneWaitingForInfrastructure": {
			reason:   "its time begins when it starts",
			snapshot: fresh(machine("cp-1", unstarted(controlplane.First))),
			want:     waitsFor(rollout.ReasonWaitingForInitialization, 15*time.Minute),
		},
		"Replaced": {
			reason:   "it has had its time, and nothing depends on it",
			snapshot: fresh(machine("cp-1", started(controlplane.First, 15*time.Minute))),
			want:     deletes("cp-1", rollout.ReasonJoinTimedOut), message: []string{"within 15 minutes"},
		},
		"ReplacedByANewTemplate": {
			reason:   "it has not started, and the template was mended",
			snapshot: fresh(machine("cp-1", unstarted(controlplane.First), outOfDate)),
			want:     deletes("cp-1", rollout.ReasonNotStarted),
		},
		"NotReplacedWhileItStarts": {
			reason:   "it may be there in a moment",
			snapshot: fresh(machine("cp-1", started(controlplane.First, time.Minute), outOfDate)),
			want:     waitsFor(rollout.ReasonWaitingForInitialization, 14*time.Minute),
		},
		"GoneBeforeTheNext": {
			reason:   "two of them would be two clusters",
			snapshot: fresh(machine("cp-1", started(controlplane.First, 16*time.Minute), leaving)),
			want:     waits(rollout.ReasonMachineDeleting),
		},
		"StatusLost": {
			reason: "members prove that it has begun, whatever the status says",
			snapshot: atRest(1, noContact, want(3), func(s *controlplane.Snapshot) { s.Initialized = false },
				machine("cp-1", func(m *controlplane.Machine) { m.Membership = "" })),
			want: waits(rollout.ReasonContactLost),
		},
		"StatusLostSeveral": {
			reason: "so does a second Machine",
			snapshot: fresh(machine("cp-1", started(controlplane.First, time.Hour)),
				machine("cp-2", started(controlplane.First, time.Hour))),
			want: waits(rollout.ReasonContactLost),
		},
		"StatusLostJoiner": {
			reason:   "so does one that joins",
			snapshot: fresh(machine("cp-1", started(controlplane.Joining, time.Hour))),
			want:     waits(rollout.ReasonContactLost),
		},
		"AllLost": {
			reason:   "there is nobody to join, and a first one would be another cluster",
			snapshot: atRest(0, want(3), allLost),
			want:     waits(rollout.ReasonMembersLost), message: []string{"Delete this Cluster"},
		},
		"AllLostButTheirNames": {
			reason:   "nobody could be asked to remove them",
			snapshot: atRest(0, want(3), allLost, stray(controlplane.Unhealthy)), want: waits(rollout.ReasonMembersLost),
		},
		"AllLostElsewhere": {
			reason:   "the state of the cluster is not lost with its machines",
			snapshot: atRest(0, want(3), allLost, elsewhereStored),
			want:     creates("", rollout.ReasonScalingUp),
		},
		"AllLostElsewhereHalfMade": {
			reason: "what a crash left of the next one is finished",
			snapshot: atRest(0, want(3), allLost, elsewhereStored, recorded("cp-9"),
				machine("cp-9", begun(controlplane.Joining))),
			want: creates("cp-9", rollout.ReasonScalingUp),
		},
		"TakingUp": {
			reason: "it may work and not be reached",
			snapshot: atRest(0, want(3), allLost, elsewhereStored,
				machine("cp-9", started(controlplane.Joining, time.Hour))),
			want: waits(rollout.ReasonContactLost), message: []string{"kubectl delete machine cp-9"},
		},
		"LastOneGoing": {
			reason:   "what it knows may still be asked for",
			snapshot: atRest(1, want(3), noContact, elsewhereStored, machine("cp-1", leaving)),
			want:     waits(rollout.ReasonContactLost),
		},
	})
}

// allLost is a cluster that was up and has no Machine any more: nobody answers.
func allLost(s *controlplane.Snapshot) { s.Initialized, s.Current = true, false }

func TestJoining(t *testing.T) {
	t.Parallel()
	joining := func(ago time.Duration) change { return machine("cp-9", started(controlplane.Joining, ago)) }
	forgotten := func(m *controlplane.Machine) { m.Membership = controlplane.NotMember }
	decide(t, map[string]decision{
		"NoCreate": {
			reason: "one by one", snapshot: atRest(1, want(3), joining(5*time.Minute)),
			want:    waitsFor(rollout.ReasonMachineJoining, 10*time.Minute),
			message: []string{"cp-9 is joining", "replaced", "next, a machine is added"},
		},
		"NoDelete": {
			reason: "its vote is needed first", snapshot: atRest(3, allOutdated, joining(time.Minute)),
			want: waitsFor(rollout.ReasonMachineJoining, 14*time.Minute), message: []string{"next, machine cp-1 is removed"},
		},
		"NothingElseWanted": {
			reason: "people see what goes on", snapshot: atRest(2, want(3), joining(time.Minute)),
			want: waitsFor(rollout.ReasonMachineJoining, 14*time.Minute),
		},
		"WaitsForData": {
			reason: "bootstrap has not written it",
			snapshot: atRest(1, want(3), machine("cp-9", unstarted(controlplane.Joining), func(m *controlplane.Machine) {
				m.Data.Written = false
			})),
			want: waitsFor(rollout.ReasonMachineJoining, 15*time.Minute), message: []string{"bootstrap data"},
		},
		"WaitsForInfrastructure": {
			reason: "it has not started", snapshot: atRest(1, want(3), machine("cp-9", unstarted(controlplane.Joining))),
			want: waitsFor(rollout.ReasonMachineJoining, 15*time.Minute), message: []string{"infrastructure"},
		},
		"MembershipForgotten": {
			reason:   "a member whose EtcdMember somebody deleted still votes, and is not overdue",
			snapshot: atRest(3, want(5), machine("cp-2", forgotten)),
			want:     waits(rollout.ReasonMachineJoining), message: []string{"restart of k0s"},
		},
		"Overdue": {
			reason: "it never had a vote", snapshot: atRest(3, want(5), joining(16*time.Minute)),
			want: deletes("cp-9", rollout.ReasonJoinTimedOut), message: []string{"cp-9 is replaced"},
		},
		"OverdueBesideASickMember": {
			reason: "its going costs no vote", snapshot: atRest(3, want(5), joining(time.Hour), machine("cp-2", sick)),
			want: deletes("cp-9", rollout.ReasonJoinTimedOut),
		},
		"OverdueBesideUnknownMembers": {
			reason:   "leases are only counted, and the joiner holds none: nobody can say which of the others work",
			snapshot: atRest(1, want(3), joining(time.Hour), machine("cp-1", healthUnknown)),
			want:     deletes("cp-9", rollout.ReasonJoinTimedOut),
		},
		"OverdueWithoutContact": {
			reason: "it may have joined since", snapshot: atRest(3, want(5), joining(time.Hour), noContact),
			want: waits(rollout.ReasonContactLost),
		},
		"OverdueWithoutAnybodyToJoin": {
			reason: "it is not its fault", snapshot: atRest(1, want(3), joining(time.Hour), machine("cp-1", sick)),
			want: waits(rollout.ReasonMachineJoining),
		},
		"Left": {
			reason:   "somebody made it leave",
			snapshot: atRest(3, machine("cp-2", func(m *controlplane.Machine) { m.Membership = controlplane.Left })),
			want:     deletes("cp-2", rollout.ReasonJoinTimedOut),
		},
		"NotStartedAndOutdated": {
			reason:   "the template was mended",
			snapshot: atRest(1, want(3), machine("cp-9", unstarted(controlplane.Joining), outOfDate)),
			want:     deletes("cp-9", rollout.ReasonNotStarted),
		},
		"NotStartedAndTooMany": {
			reason: "rather than a member", snapshot: atRest(3, machine("cp-9", unstarted(controlplane.Joining))),
			want: deletes("cp-9", rollout.ReasonNotStarted),
		},
		"NotStartedButAnotherIsMarked": {
			reason:   "the user chose",
			snapshot: atRest(3, machine("cp-2", marked), machine("cp-9", unstarted(controlplane.Joining))),
			want:     waitsFor(rollout.ReasonMachineJoining, 15*time.Minute), message: []string{"next, machine cp-2 is removed"},
		},
		"NotStartedButNeeded": {
			reason:   "it replaces the outdated ones",
			snapshot: atRest(3, allOutdated, machine("cp-9", unstarted(controlplane.Joining))),
			want:     waitsFor(rollout.ReasonMachineJoining, 15*time.Minute),
		},
	})
}

func TestMembersWithoutMachine(t *testing.T) {
	t.Parallel()
	decide(t, map[string]decision{
		"Dead": {
			reason: "its vote only harms", snapshot: atRest(3, stray(controlplane.Unhealthy)),
			want: deletes("cp-0", rollout.ReasonStrayMember), message: []string{"cp-0 is removed from etcd"},
		},
		"Alive": {
			reason: "somebody may have joined it by hand", snapshot: atRest(3, want(5), stray(controlplane.Healthy)),
			want: waits(rollout.ReasonStrayMember), message: []string{"in the workload cluster: kubectl patch etcdmember cp-0"},
		},
		"Unknown": {
			reason: "only evidence counts", snapshot: atRest(3, want(1), stray(controlplane.HealthUnknown)),
			want: waits(rollout.ReasonStrayMember),
		},
		"BesideASickMember": {
			reason:   "etcd answers, so the others are a quorum",
			snapshot: atRest(3, machine("cp-1", sick), stray(controlplane.Unhealthy)),
			want:     deletes("cp-0", rollout.ReasonStrayMember),
		},
		"Leaving": {
			reason: "it has been asked",
			snapshot: atRest(3, want(5), func(s *controlplane.Snapshot) {
				s.Strays = []controlplane.Member{{Name: "cp-0", Membership: controlplane.Voting, Leaving: true}}
			}),
			want: waits(rollout.ReasonStrayMember), message: []string{"is leaving"},
		},
		"Left": {
			reason: "only its object remains",
			snapshot: atRest(3, func(s *controlplane.Snapshot) {
				s.Strays = []controlplane.Member{{Name: "cp-0", Membership: controlplane.Left}}
			}),
			want: nothing(rollout.ReasonAsWanted),
		},
		"BeforeTheClusterBegan": {
			reason: "they belong to a first controller that was replaced", snapshot: fresh(stray(controlplane.Healthy)),
			want: first(""),
		},
	})
}
