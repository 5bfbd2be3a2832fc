// SPDX-License-Identifier: Apache-2.0

package observation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/observation"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// TestLeaving changes one thing after the other about a Machine that is being deleted.
func TestLeaving(t *testing.T) {
	t.Parallel()
	const prefix = clusterv1.PreTerminateDeleteHookAnnotationPrefix
	annotate := func(key, value string) func(*observation.Objects) {
		return func(o *observation.Objects) { last(o).Annotations[key] = value }
	}
	addresses := func(addresses ...clusterv1.MachineAddress) func(*observation.Objects) {
		return func(o *observation.Objects) { last(o).Status.Addresses = addresses }
	}
	external := clusterv1.MachineAddress{Type: clusterv1.MachineExternalIP, Address: "192.0.2.3"}
	cases := map[string]struct {
		change func(*observation.Objects)
		want   func(*k0snode.Leaving)
	}{
		"Orderly": {change: func(*observation.Objects) {}, want: func(*k0snode.Leaving) {}},
		"Released": {
			change: func(o *observation.Objects) { delete(last(o).Annotations, contract.LeaveHookAnnotation) },
			want:   func(l *k0snode.Leaving) { l.Hook = false },
		},
		"Draining": {
			change: func(o *observation.Objects) {
				conditions.True(last(o), clusterv1.MachineDeletingCondition, clusterv1.MachineDeletingDrainingNodeReason, "")
			},
			want: func(l *k0snode.Leaving) { l.AtHook = false },
		},
		"NotSeenByCoreYet": {
			change: func(o *observation.Objects) { last(o).Status.Conditions = nil },
			want:   func(l *k0snode.Leaving) { l.AtHook = false },
		},
		"OtherHooks": {
			change: func(o *observation.Objects) { annotate(prefix+"/b", "")(o); annotate(prefix+"/a", "x")(o) },
			want:   func(l *k0snode.Leaving) { l.OtherHooks = []string{prefix + "/a", prefix + "/b"} },
		},
		"HasLeft": {
			change: annotate(contract.WasMemberAnnotation, contract.MemberLeft),
			want:   func(l *k0snode.Leaving) { l.HasLeft = true },
		},
		"Revoked": {
			change: annotate(contract.JoinRevokedAnnotation, "2030-01-01T11:59:00Z"),
			want:   func(l *k0snode.Leaving) { l.TokenRevoked = testenv.Now.Add(-time.Minute) },
		},
		"RevokedNonsense": {
			change: annotate(contract.JoinRevokedAnnotation, "yesterday"), want: func(*k0snode.Leaving) {},
		},
		"ExternalAddress": {
			change: addresses(external), want: func(l *k0snode.Leaving) { l.Address = "192.0.2.3" },
		},
		"InternalFirst": {
			change: addresses(external, clusterv1.MachineAddress{Type: clusterv1.MachineInternalIP, Address: "fd00::3"}),
			want:   func(l *k0snode.Leaving) { l.Address = "fd00::3" },
		},
		"AddressOfInfrastructure": {
			change: func(o *observation.Objects) {
				addresses()(o)
				o.Infrastructure[2].Object["status"] = map[string]any{
					"addresses": []any{map[string]any{"type": "InternalIP", "address": "10.9.9.9"}},
				}
			},
			want: func(l *k0snode.Leaving) { l.Address = "10.9.9.9" },
		},
		"NoAddress": {
			change: func(o *observation.Objects) {
				addresses(clusterv1.MachineAddress{Type: clusterv1.MachineHostName, Address: "host"})(o)
				o.Infrastructure[2].Object["status"] = map[string]any{"addresses": []any{"nonsense"}}
			},
			want: func(l *k0snode.Leaving) { l.Address = "" },
		},
		"NoInfrastructure": {
			change: func(o *observation.Objects) { addresses()(o); o.Infrastructure = nil },
			want:   func(l *k0snode.Leaving) { l.Address = "" },
		},
		"Earlier": {
			change: func(o *observation.Objects) { o.Machines[0].DeletionTimestamp = stamped(o.Now.Add(-time.Hour)) },
			want:   func(l *k0snode.Leaving) { l.Before = []string{"m1"} },
		},
		"AtTheSameTime": {
			change: func(o *observation.Objects) {
				o.Machines[1].DeletionTimestamp, o.Machines[0].DeletionTimestamp =
					last(o).DeletionTimestamp, last(o).DeletionTimestamp
			},
			want: func(l *k0snode.Leaving) { l.Before = []string{"m1", "m2"} },
		},
		"Later": {
			change: func(o *observation.Objects) { o.Machines[0].DeletionTimestamp = stamped(o.Now) },
			want:   func(*k0snode.Leaving) {},
		},
		"EarlierButReleased": {
			change: func(o *observation.Objects) {
				o.Machines[0].DeletionTimestamp = stamped(o.Now.Add(-time.Hour))
				delete(o.Machines[0].Annotations, contract.LeaveHookAnnotation)
			},
			want: func(*k0snode.Leaving) {},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := atRest(t, 3, leaving)
			tc.change(&o)
			want := k0snode.Leaving{
				Name: "m3", Since: testenv.Now.Add(-time.Minute), Hook: true, AtHook: true, Address: "10.0.0.3",
			}
			tc.want(&want)
			assert.Equal(t, want, observation.Leaving(o, last(&o)))
		})
	}
}

// TestTwoAtTheSameTime: of two Machines one goes first, whatever the clock says.
func TestTwoAtTheSameTime(t *testing.T) {
	t.Parallel()
	o := atRest(t, 2, leaving)
	o.Machines[0].DeletionTimestamp = o.Machines[1].DeletionTimestamp
	assert.Empty(t, observation.Leaving(o, o.Machines[0]).Before)
	assert.Equal(t, []string{"m1"}, observation.Leaving(o, o.Machines[1]).Before)
}

// TestLeaveFacts: the same facts as everything else is decided from.
func TestLeaveFacts(t *testing.T) {
	t.Parallel()
	o := atRest(t, 3, leaving)
	facts := observation.LeaveFacts(o, last(&o))
	assert.Equal(t, k0snode.LeaveFacts{
		Leaving: observation.Leaving(
			o,
			last(&o),
		),
		Objects:  o.Workload,
		Answered: testenv.Now,
		Snapshot: observation.Snapshot(o),
	}, facts)
	assert.Equal(t, k0snode.StepRequestLeave, k0snode.DecideLeave(facts).Step)

	o.Cluster.DeletionTimestamp = stamped(o.Now)
	assert.False(t, observation.LeaveFacts(o, last(&o)).ClusterDeleted, "workers go first, through this API server")
	deletedControlPlane(t, &o)
	o.Workers = 1
	assert.False(t, observation.LeaveFacts(o, last(&o)).ClusterDeleted, "one is left")
	o.Workers = 0
	assert.True(t, observation.LeaveFacts(o, last(&o)).ClusterDeleted)
}

// TestOldVerdictsDoNotCount: what is shown while the cluster is silent is not decided on.
func TestOldVerdictsDoNotCount(t *testing.T) {
	t.Parallel()
	o := atRest(t, 3, leaving)
	workload := o.Workload
	silent(t, &o)
	o.Workload = workload
	assert.Equal(t, k0snode.WaitingForQuorum, k0snode.DecideLeave(observation.LeaveFacts(o, last(&o))).Reason)
}

// TestTheOnlyMemberLeavesWhileAnotherWaitsToJoin: each seems to wait for the other. The joiner is told to join through the
// one that leaves, which stays until it has.
func TestTheOnlyMemberLeavesWhileAnotherWaitsToJoin(t *testing.T) {
	t.Parallel()
	o := atRest(t, 2, waiting)
	o.Machines[0].DeletionTimestamp = stamped(o.Now.Add(-time.Hour))
	conditions.True(o.Machines[0], clusterv1.MachineDeletingCondition,
		clusterv1.MachineDeletingWaitingForPreTerminateHookReason, "")
	step := k0snode.DecideLeave(observation.LeaveFacts(o, o.Machines[0]))
	assert.Equal(t, k0snode.WaitingForSuccessor, step.Reason)
	o.Machines[0].Status.Conditions = append(o.Machines[0].Status.Conditions,
		observation.MachineConditions(o, o.Machines[0])...)
	assert.True(t, contract.IsLeavingMember(o.Machines[0]))

	joined := atRest(t, 2)
	joined.Machines[0] = o.Machines[0]
	step = k0snode.DecideLeave(observation.LeaveFacts(joined, joined.Machines[0]))
	assert.Equal(t, k0snode.StepRequestLeave, step.Step)
}
