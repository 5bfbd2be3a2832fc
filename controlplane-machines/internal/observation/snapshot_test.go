// SPDX-License-Identifier: Apache-2.0

package observation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/observation"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/rollout"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// TestSnapshot changes one thing after the other.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	dead := controlplane.Member{Name: "m9", Membership: controlplane.Voting, Health: controlplane.Unhealthy}
	cases := map[string]struct {
		change change
		want   func(*controlplane.Snapshot)
	}{
		"AtRest": {change: func(*testing.T, *observation.Objects) {}, want: func(*controlplane.Snapshot) {}},
		"Replicas": {
			change: wish(func(c *controlplanev1.K0sControlPlane) { c.Spec.Replicas = nil }),
			want:   func(s *controlplane.Snapshot) { s.Replicas = 1 },
		},
		"Strategy": {
			change: wish(func(c *controlplanev1.K0sControlPlane) {
				c.Spec.UpdateStrategy = controlplanev1.UpdateStrategyRecreateDeleteFirst
			}),
			want: func(s *controlplane.Snapshot) { s.Strategy = controlplane.RecreateDeleteFirst },
		},
		"Deletion": {
			change: func(t *testing.T, o *observation.Objects) {
				t.Helper()
				deletedControlPlane(t, o)
				o.Workers = 2
			},
			want: func(s *controlplane.Snapshot) { s.Deletion = controlplane.Deletion{Requested: true, Workers: 2} },
		},
		"NotInitialized": {
			change: func(_ *testing.T, o *observation.Objects) {
				o.ControlPlane.Status.Initialization.ControlPlaneInitialized = nil
				o.Cluster.Status.Initialization.ControlPlaneInitialized = nil
			},
			want: func(s *controlplane.Snapshot) { s.Initialized = false },
		},
		"StatusLost": {
			change: wish(func(c *controlplanev1.K0sControlPlane) { c.Status = controlplanev1.K0sControlPlaneStatus{} }),
			want:   func(*controlplane.Snapshot) {},
		},
		"NoCertificates": {
			change: func(_ *testing.T, o *observation.Objects) { o.Certificates = false },
			want:   func(s *controlplane.Snapshot) { s.Certificates = false },
		},
		"NoEndpoint": {
			change: func(_ *testing.T, o *observation.Objects) {
				o.Cluster.Spec.ControlPlaneEndpoint = clusterv1.APIEndpoint{}
			},
			want: func(s *controlplane.Snapshot) { s.Endpoint = false },
		},
		"FailureDomains": {
			change: func(_ *testing.T, o *observation.Objects) {
				o.Cluster.Status.FailureDomains = []clusterv1.FailureDomain{
					{Name: "b", ControlPlane: new(true)},
					{Name: "w", ControlPlane: new(false)},
					{Name: "x"},
					{Name: "a", ControlPlane: new(true)},
				}
			},
			want: func(s *controlplane.Snapshot) { s.FailureDomains = []string{"a", "b"} },
		},
		"NextMachine": {
			change: wish(func(c *controlplanev1.K0sControlPlane) { c.Annotations[contract.NextMachineAnnotation] = "m4" }),
			want:   func(s *controlplane.Snapshot) { s.NextMachine = "m4" },
		},
		"Stray": {change: stray(dead), want: func(s *controlplane.Snapshot) { s.Strays = []controlplane.Member{dead} }},
		"AnsweredLately": {
			change: func(_ *testing.T, o *observation.Objects) { o.Report.Answered = o.Now.Add(-30 * time.Second) },
			want:   func(*controlplane.Snapshot) {},
		},
		"AnsweredLongAgo": {
			change: func(_ *testing.T, o *observation.Objects) { o.Report.Answered = o.Now.Add(-31 * time.Second) },
			want:   func(s *controlplane.Snapshot) { s.Current = false },
		},
		"Learners": {
			change: func(_ *testing.T, o *observation.Objects) { o.MaxLearners = "" },
			want:   func(s *controlplane.Snapshot) { s.Etcd.MaxLearners = 1 },
		},
		"LearnersNonsense": {
			change: func(_ *testing.T, o *observation.Objects) { o.MaxLearners = "-3" },
			want:   func(s *controlplane.Snapshot) { s.Etcd.MaxLearners = 1 },
		},
		"LeftOver": {
			change: leftOver("gone=10.0.0.9"),
			want: func(s *controlplane.Snapshot) {
				s.Etcd.LeftOver = []controlplane.LeftOver{{Machine: "gone", Address: "10.0.0.9"}}
			},
		},
		"LeftOverUnreadable": {change: leftOver("gone"), want: func(*controlplane.Snapshot) {}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := atRest(t, 3, tc.change)
			got := observation.Snapshot(o)
			want := controlplane.Snapshot{
				Now: testenv.Now, Replicas: 3, Strategy: controlplane.Recreate, Initialized: true, Certificates: true,
				Endpoint: true, Current: true, Machines: got.Machines,
				Etcd: controlplane.Etcd{Managed: true, MaxLearners: 5},
			}
			tc.want(&want)
			assert.Equal(t, want, got)
			assert.Len(t, got.Machines, 3)
		})
	}
}

// TestSilence: contact that is lost is told, so that nothing is decided.
func TestSilence(t *testing.T) {
	t.Parallel()
	snapshot := observation.Snapshot(atRest(t, 3, silent))
	assert.False(t, snapshot.Current)
	assert.False(t, snapshot.Quorum().Holds())
	assert.Equal(t, rollout.ReasonContactLost, rollout.Decide(snapshot).Reason)
}

// TestKine: etcd of somebody else's is not counted.
func TestKine(t *testing.T) {
	t.Parallel()
	assert.False(t, observation.Snapshot(atRest(t, 2, kine)).Etcd.Managed)
}

// TestJoinersVote: one old release is enough, the one that runs.
func TestJoinersVote(t *testing.T) {
	t.Parallel()
	untold := state("m2", func(s *k0snode.State) { s.Version = k0snode.State{}.Version })
	cases := map[string]struct {
		reason   string
		replicas int
		changes  []change
		want     bool
	}{
		"New":    {reason: "learners come first", replicas: 3},
		"OneOld": {reason: "the joiner may ask it", replicas: 3, changes: []change{runs("m2", oldest)}, want: true},
		"Untold": {reason: "it runs what it was made with", replicas: 3, changes: []change{untold}},
		"UntoldOld": {
			reason: "it runs what it was made with", replicas: 3, changes: []change{
				untold, func(_ *testing.T, o *observation.Objects) { o.Machines[1].Spec.Version = oldest },
			}, want: true,
		},
		"Nonsense": {
			reason: "what is not known is taken for old", replicas: 3, changes: []change{
				untold, func(_ *testing.T, o *observation.Objects) { o.Machines[1].Spec.Version = "latest" },
			}, want: true,
		},
		"NoneOld": {
			reason: "what is asked for counts", want: true,
			changes: []change{wish(func(c *controlplanev1.K0sControlPlane) { c.Spec.Version = oldest })},
		},
		"NoneNew": {reason: "what is asked for counts"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := atRest(t, tc.replicas, tc.changes...)
			assert.Equal(t, tc.want, observation.Snapshot(o).Etcd.JoinersVote, tc.reason)
		})
	}
}
