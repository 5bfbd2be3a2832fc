// SPDX-License-Identifier: Apache-2.0

package rollout_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/assert"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/rollout"
)

// decision is one row of a table: a snapshot, and what follows from it.
type decision struct {
	reason   string
	snapshot controlplane.Snapshot
	want     rollout.Action
	// message are words that a person must read.
	message []string
}

func decide(t *testing.T, cases map[string]decision) {
	t.Helper()
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := rollout.Decide(test.snapshot)
			ignored := cmpopts.IgnoreFields(rollout.Action{}, "Message")
			assert.Empty(t, cmp.Diff(test.want, got, ignored), "%s; message: %s", test.reason, got.Message)
			for _, words := range test.message {
				assert.Contains(t, got.Message, words)
			}
		})
	}
}

func creates(name, reason string) rollout.Action {
	return rollout.Action{Kind: rollout.Create, Machine: name, Reason: reason, Role: controlplane.Joining}
}

func createsIn(domain string) rollout.Action {
	action := creates("", rollout.ReasonScalingUp)
	action.FailureDomain = domain
	return action
}

func deletes(name, reason string) rollout.Action {
	return rollout.Action{Kind: rollout.Delete, Machine: name, Reason: reason}
}

func waits(reason string) rollout.Action { return rollout.Action{Kind: rollout.Wait, Reason: reason} }

func waitsFor(reason string, after time.Duration) rollout.Action {
	return rollout.Action{Kind: rollout.Wait, Reason: reason, After: after}
}

func nothing(reason string) rollout.Action {
	return rollout.Action{Kind: rollout.Nothing, Reason: reason}
}

func TestDeletionOfTheControlPlane(t *testing.T) {
	t.Parallel()
	deleting := func(workers int) change {
		return func(s *controlplane.Snapshot) { s.Deletion = controlplane.Deletion{Requested: true, Workers: workers} }
	}
	decide(t, map[string]decision{
		"WorkersFirst": {
			reason: "workers are deleted through the API server", snapshot: atRest(3, deleting(2)),
			want: waits(rollout.ReasonWaitingForWorkersDeletion), message: []string{"2 other Machines"},
		},
		"ThenMachines": {
			reason: "nobody needs the quorum", snapshot: atRest(3, deleting(0)),
			want: deletes("cp-1", rollout.ReasonDeleting), message: []string{"cp-1", "control plane is being deleted"},
		},
		"InParallel": {
			reason: "the next goes while one is still going", snapshot: atRest(3, deleting(0), machine("cp-1", leaving)),
			want: deletes("cp-2", rollout.ReasonDeleting),
		},
		"APIDead": {
			reason: "contact is not needed", snapshot: atRest(1, deleting(0), noContact),
			want: deletes("cp-1", rollout.ReasonDeleting),
		},
		"HalfMade": {
			reason:   "what a crash left goes too",
			snapshot: atRest(0, deleting(0), recorded("cp-9"), machine("cp-9", begun(controlplane.First))),
			want:     deletes("cp-9", rollout.ReasonDeleting),
		},
		"UntilTheyAreGone": {
			reason: "the object stays until then", snapshot: atRest(1, deleting(0), machine("cp-1", leaving)),
			want: waits(rollout.ReasonWaitingForMachineDeletion), message: []string{"cp-1"},
		},
		"Done": {
			reason: "nothing is left", snapshot: atRest(0, deleting(0)), want: nothing(rollout.ReasonDeletionCompleted),
		},
	})
}

func TestWhatMachinesAreMadeOf(t *testing.T) {
	t.Parallel()
	noCertificates := func(s *controlplane.Snapshot) { s.Certificates = false }
	noEndpoint := func(s *controlplane.Snapshot) { s.Endpoint = false }
	decide(t, map[string]decision{
		"NoCertificates": {
			reason: "nothing is touched without CAs", snapshot: atRest(3, noCertificates, want(5)),
			want: waits(rollout.ReasonWaitingForCertificates), message: []string{"CAs"},
		},
		"NoCertificatesDelete": {
			reason: "nothing is removed either", snapshot: atRest(3, noCertificates, want(1)),
			want: waits(rollout.ReasonWaitingForCertificates),
		},
		"NoEndpoint": {
			reason: "the endpoint is baked in", snapshot: atRest(0, noEndpoint, want(1)),
			want: waits(rollout.ReasonWaitingForEndpoint), message: []string{"endpoint"},
		},
	})
}

func TestNumberAndAge(t *testing.T) {
	t.Parallel()
	decide(t, map[string]decision{
		"AtRest": {
			reason: "all as wanted", snapshot: atRest(3),
			want: nothing(rollout.ReasonAsWanted), message: []string{"3 of 3 wanted machines exist, 3 of them up to date"},
		},
		"ScaleUpRecordsAName": {
			reason: "the name comes first", snapshot: atRest(1, want(3)),
			want: creates("", rollout.ReasonScalingUp), message: []string{"1 of 3", "name is recorded first"},
		},
		"ScaleUp": {
			reason: "then the Machine", snapshot: atRest(1, want(3), recorded("cp-9")),
			want: creates("cp-9", rollout.ReasonScalingUp), message: []string{"a machine is added", "1 of 3"},
		},
		"ScaleDown": {
			reason: "the oldest goes", snapshot: atRest(3, want(1)),
			want: deletes("cp-1", rollout.ReasonScalingDown), message: []string{"cp-1 is removed", "3 of 1"},
		},
		"RecreateAddsFirst": {
			reason: "one more than replicas", snapshot: atRest(3, allOutdated, recorded("cp-9")),
			want: creates("cp-9", rollout.ReasonRollingOut), message: []string{"0 of them up to date"},
		},
		"RecreateThenRemoves": {
			reason: "no more than replicas + 1", snapshot: atRest(4, allOutdated, machine("cp-4", upToDate), want(3)),
			want: deletes("cp-1", rollout.ReasonRollingOut), message: []string{"v1.35.7 is not v1.36.3"},
		},
		"RecreateOfOne": {
			reason: "one becomes two", snapshot: atRest(1, allOutdated, recorded("cp-9")),
			want: creates("cp-9", rollout.ReasonRollingOut),
		},
		"DeleteFirst": {
			reason: "no more than replicas", snapshot: atRest(3, allOutdated, deleteFirst),
			want: deletes("cp-1", rollout.ReasonRollingOut),
		},
		"DeleteFirstThenAdds": {
			reason: "two of three", snapshot: atRest(2, allOutdated, deleteFirst, want(3), recorded("cp-9")),
			want: creates("cp-9", rollout.ReasonRollingOut),
		},
		"DeleteFirstBelowThree": {
			reason:   "with one replica it would delete the cluster",
			snapshot: atRest(1, allOutdated, deleteFirst, recorded("cp-9")),
			want:     creates("cp-9", rollout.ReasonRollingOut),
			message:  []string{"RecreateDeleteFirst needs 3 replicas"},
		},
		"Both": {
			reason:   "fewer and newer: one up to date is added, then outdated ones go",
			snapshot: atRest(5, allOutdated, want(3)), want: deletes("cp-1", rollout.ReasonRollingOut),
		},
		"EvenNumber": {
			reason: "admission refuses it; the decision is safe", snapshot: atRest(3, want(4), recorded("cp-9")),
			want: creates("cp-9", rollout.ReasonScalingUp),
		},
		"Zero": {
			reason: "the last that works stays", snapshot: atRest(1, want(0)),
			want: waits(rollout.ReasonLastMember), message: []string{"cp-1 stays"},
		},
		"ZeroElsewhere": {
			reason: "also without etcd", snapshot: atRest(1, want(0), elsewhereStored), want: waits(rollout.ReasonLastMember),
		},
	})
}

func upToDate(m *controlplane.Machine) { m.Outdated = nil }

func TestNamesComeFirst(t *testing.T) {
	t.Parallel()
	decide(t, map[string]decision{
		"HalfMadeIsFinished": {
			reason:   "under its name",
			snapshot: atRest(1, want(3), recorded("cp-9"), machine("cp-9", begun(controlplane.Joining))),
			want:     creates("cp-9", rollout.ReasonScalingUp),
		},
		"HalfMadeIsNotCounted": {
			reason:   "nothing is wanted, so it goes",
			snapshot: atRest(3, recorded("cp-9"), machine("cp-9", begun(controlplane.Joining))),
			want:     deletes("cp-9", rollout.ReasonHalfMade), message: []string{"no longer wanted"},
		},
		"HalfMadeOutdated": {
			reason:   "it would be replaced at once",
			snapshot: atRest(1, want(3), recorded("cp-9"), machine("cp-9", begun(controlplane.Joining), outOfDate)),
			want:     deletes("cp-9", rollout.ReasonHalfMade),
		},
		"HalfMadeOfAnotherName": {
			reason:   "only the recorded name is finished",
			snapshot: atRest(1, want(3), recorded("cp-9"), machine("cp-8", begun(controlplane.Joining))),
			want:     deletes("cp-8", rollout.ReasonHalfMade),
		},
		"HalfMadeOfAnotherRole": {
			reason:   "a first controller of a cluster that has begun never starts",
			snapshot: atRest(1, want(3), recorded("cp-9"), machine("cp-9", begun(controlplane.First))),
			want:     deletes("cp-9", rollout.ReasonHalfMade),
		},
		"HalfMadeOnlyInfrastructure": {
			reason: "without config there is no role yet",
			snapshot: atRest(1, want(3), recorded("cp-9"), machine("cp-9", func(m *controlplane.Machine) {
				m.Parts.Infrastructure = true
			})),
			want: creates("cp-9", rollout.ReasonScalingUp),
		},
		"HalfMadeGoesWithoutContact": {
			reason:   "nothing of it ever ran",
			snapshot: atRest(3, noContact, machine("cp-9", begun(controlplane.Joining))),
			want:     deletes("cp-9", rollout.ReasonHalfMade),
		},
		"HalfMadeIsGoing": {
			reason:   "until it is gone",
			snapshot: atRest(1, want(3), recorded("cp-9"), machine("cp-9", begun(controlplane.Joining), leaving)),
			want:     waits(rollout.ReasonMachineDeleting),
		},
		"SpentName": {
			reason: "its Machine exists: the next gets another", snapshot: atRest(1, want(3), recorded("cp-1")),
			want: creates("", rollout.ReasonScalingUp),
		},
		"UnusedName": {
			reason: "a name without objects harms nobody", snapshot: atRest(3, recorded("cp-9")),
			want: nothing(rollout.ReasonAsWanted),
		},
	})
}
