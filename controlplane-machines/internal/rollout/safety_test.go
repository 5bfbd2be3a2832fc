// SPDX-License-Identifier: Apache-2.0

package rollout_test

import (
	"testing"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/rollout"
)

func TestDeletionInProgress(t *testing.T) {
	t.Parallel()
	decide(t, map[string]decision{
		"NoCreate": {
			reason: "it counts until it is gone", snapshot: atRest(3, deleteFirst, machine("cp-1", leaving)),
			want:    waits(rollout.ReasonMachineDeleting),
			message: []string{"cp-1 is being deleted", "next, a machine is added"},
		},
		"NoDelete": {
			reason: "one at a time", snapshot: atRest(5, want(1), machine("cp-1", leaving)),
			want: waits(rollout.ReasonMachineDeleting), message: []string{"next, machine cp-2 is removed"},
		},
		"NothingElseWanted": {
			reason: "people see what goes on", snapshot: atRest(4, want(3), machine("cp-1", leaving)),
			want: waits(rollout.ReasonMachineDeleting),
		},
	})
}

func TestHealth(t *testing.T) {
	t.Parallel()
	decide(t, map[string]decision{
		"NoCreate": {
			reason: "a member that is down comes first", snapshot: atRest(3, want(5), machine("cp-2", sick)),
			want: waits(rollout.ReasonMemberUnhealthy),
			message: []string{
				"cp-2 is not healthy (lease not renewed)", "next, a machine is added", "kubectl delete machine cp-2",
			},
		},
		"NoDelete": {
			reason: "another one would be missing", snapshot: atRest(3, want(1), machine("cp-2", sick)),
			want: waits(rollout.ReasonMemberUnhealthy), message: []string{"next, machine cp-1 is removed"},
		},
		"Unknown": {
			reason: "unknown is not healthy", snapshot: atRest(3, want(1), machine("cp-2", healthUnknown)),
			want: waits(rollout.ReasonMemberUnhealthy),
		},
		"AtRest": {
			reason: "there is nothing to be done", snapshot: atRest(3, machine("cp-2", sick)),
			want: nothing(rollout.ReasonAsWanted),
		},
		"TheSickOneItself": {
			reason: "marked, it may go", snapshot: atRest(3, want(1), machine("cp-2", sick, marked)),
			want: deletes("cp-2", rollout.ReasonScalingDown), message: []string{"marked for deletion"},
		},
		"TheSickOneIsOutdated": {
			reason: "it goes first", snapshot: atRest(3, deleteFirst, allOutdated, machine("cp-2", sick)),
			want: deletes("cp-2", rollout.ReasonRollingOut),
		},
		"Contact": {
			reason: "nothing is known", snapshot: atRest(3, want(1), noContact),
			want: waits(rollout.ReasonContactLost), message: []string{"next, machine cp-1 is removed"},
		},
		"ContactAtRest": {
			reason:   "people see why nothing would be done",
			snapshot: atRest(3, noContact),
			want:     waits(rollout.ReasonContactLost),
		},
		"OnlyTheSickOneStays": {
			reason: "the last that works stays", snapshot: atRest(2, want(1), machine("cp-2", sick)),
			want: waits(rollout.ReasonLastMember),
		},
	})
}

func TestQuorum(t *testing.T) {
	t.Parallel()
	decide(t, map[string]decision{
		"ThreeToTwo": {
			reason:   "all others work",
			snapshot: atRest(3, want(1)),
			want:     deletes("cp-1", rollout.ReasonScalingDown),
		},
		"TwoToOne": {
			reason:   "one is a quorum of one",
			snapshot: atRest(2, want(1)),
			want:     deletes("cp-1", rollout.ReasonScalingDown),
		},
		"OneToTwo": {
			reason: "there is no other way to three", snapshot: atRest(1, want(3), joinersVote),
			want: creates("", rollout.ReasonScalingUp),
		},
		"LeftOverVoter": {
			reason:   "one of two voters would never have run",
			snapshot: atRest(2, want(1), joinersVote, leftOver("10.0.0.9")),
			want:     waits(rollout.ReasonQuorumAtRisk),
			message:  []string{"1 of 2", "k0s etcd leave --peer-address 10.0.0.9", "next, machine cp-1 is removed"},
		},
		"LeftOverVoterTolerated": {
			reason: "two of three", snapshot: atRest(3, want(1), joinersVote, leftOver("10.0.0.9")),
			want: deletes("cp-1", rollout.ReasonScalingDown),
		},
		"LeftOverLearner": {
			reason: "learners have no vote", snapshot: atRest(2, want(1), leftOver("10.0.0.9")),
			want: deletes("cp-1", rollout.ReasonScalingDown),
		},
		"NoPlaceForAVoter": {
			reason: "etcd adds nobody while a voter is down", snapshot: atRest(3, want(5), joinersVote, leftOver("10.0.0.9")),
			want: waits(rollout.ReasonMembersLeftOver), message: []string{"--peer-address 10.0.0.9", "next, a machine is added"},
		},
		"PlaceForALearner": {
			reason: "there are five", snapshot: atRest(3, want(5), leftOver("10.0.0.6", "10.0.0.7", "10.0.0.8", "10.0.0.9")),
			want: creates("", rollout.ReasonScalingUp),
		},
		"NoPlaceForALearner": {
			reason:   "there are five",
			snapshot: atRest(3, want(5), leftOver("10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8", "10.0.0.9")),
			want:     waits(rollout.ReasonMembersLeftOver),
		},
		"OnePlaceUnlessSet": {
			reason:   "etcd's own default",
			snapshot: atRest(3, want(5), leftOver("10.0.0.9"), func(s *controlplane.Snapshot) { s.Etcd.MaxLearners = 0 }),
			want:     waits(rollout.ReasonMembersLeftOver),
		},
		"Elsewhere": {
			reason: "no members, no quorum", snapshot: atRest(2, want(1), elsewhereStored, leftOver("10.0.0.9")),
			want: deletes("cp-1", rollout.ReasonScalingDown),
		},
	})
}

func TestWhichOneGoes(t *testing.T) {
	t.Parallel()
	decide(t, map[string]decision{
		"MarkedAndOutdated": {
			reason: "before marked, before outdated",
			snapshot: atRest(
				5,
				want(3),
				machine("cp-2", outOfDate),
				machine("cp-3", marked),
				machine("cp-4", marked, outOfDate),
			),
			want:    deletes("cp-4", rollout.ReasonRollingOut),
			message: []string{"marked for deletion; outdated"},
		},
		"Marked": {
			reason:   "before outdated",
			snapshot: atRest(4, want(3), machine("cp-2", outOfDate), machine("cp-3", marked)),
			want:     deletes("cp-3", rollout.ReasonRollingOut),
		},
		"SickAndOutdated": {
			reason:   "before outdated",
			snapshot: atRest(4, want(3), machine("cp-1", outOfDate), machine("cp-2", outOfDate, sick)),
			want:     deletes("cp-2", rollout.ReasonRollingOut),
		},
		"Outdated": {
			reason: "before all others", snapshot: atRest(4, want(3), machine("cp-3", outOfDate)),
			want: deletes("cp-3", rollout.ReasonRollingOut),
		},
		"FullestDomain": {
			reason: "for balance", snapshot: atRest(5, want(3), inDomains("a", "b", "b", "c", "b")),
			want: deletes("cp-2", rollout.ReasonScalingDown),
		},
		"FullestDomainOfTheOutdated": {
			reason:   "age counts before balance",
			snapshot: atRest(4, want(3), inDomains("a", "b", "b", "c"), machine("cp-4", outOfDate)),
			want:     deletes("cp-4", rollout.ReasonRollingOut),
		},
		"MarkedInAnotherDomain": {
			reason:   "the user's choice counts before balance",
			snapshot: atRest(5, want(3), inDomains("a", "b", "b", "c", "b"), machine("cp-4", marked)),
			want:     deletes("cp-4", rollout.ReasonScalingDown),
		},
		"DomainThatIsGone": {
			reason: "it should not be there", snapshot: atRest(4, want(3), inDomains("a", "a", "x", "b")),
			want: deletes("cp-3", rollout.ReasonScalingDown),
		},
		"SameAge": {
			reason: "names decide, so that every pass decides alike",
			snapshot: atRest(3, want(1), func(s *controlplane.Snapshot) {
				for i := range s.Machines {
					s.Machines[i].Created = now
				}
			}),
			want: deletes("cp-1", rollout.ReasonScalingDown),
		},
	})
}

func TestWhereTheNextOneGoes(t *testing.T) {
	t.Parallel()
	rolling := createsIn("b")
	rolling.Reason = rollout.ReasonRollingOut
	decide(t, map[string]decision{
		"Emptiest": {
			reason: "for balance", snapshot: atRest(2, want(3), inDomains("a", "b")), want: createsIn("c"),
			message: []string{"in failure domain c"},
		},
		"EmptiestOfTheUpToDate": {
			reason: "the outdated ones are going to leave",
			snapshot: atRest(4, want(5), inDomains("a", "b", "c", "c"), func(s *controlplane.Snapshot) {
				outOfDate(&s.Machines[1])
			}),
			want: rolling,
		},
		"OrderOfTheCluster": {
			reason:   "the first of equals",
			snapshot: atRest(3, want(5), inDomains("a", "b", "c")),
			want:     createsIn("a"),
		},
	})
}
