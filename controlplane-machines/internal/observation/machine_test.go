// SPDX-License-Identifier: Apache-2.0

package observation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/observation"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

var whole = controlplane.Parts{Infrastructure: true, Config: true, Machine: true}

// TestMachine: what is made of a healthy Machine, field by field.
func TestMachine(t *testing.T) {
	t.Parallel()
	o := atRest(t, 3, func(_ *testing.T, o *observation.Objects) {
		last(o).Spec.FailureDomain = "a"
		last(o).Annotations[clusterv1.DeleteMachineAnnotation] = ""
		last(o).DeletionTimestamp = stamped(o.Now.Add(-time.Second))
	})
	want := controlplane.Machine{
		Name: "m3", Parts: whole, Created: testenv.Now.Add(-2*time.Hour + 2*time.Minute),
		DeletingSince: testenv.Now.Add(-time.Second), FailureDomain: "a", DeleteMark: true, Role: controlplane.Joining,
		Data:       controlplane.Data{Written: true, Consumed: testenv.Now.Add(-time.Hour)},
		Membership: controlplane.Voting, WasMember: true, Health: controlplane.Healthy,
	}
	assert.Equal(t, want, machineOf(t, o, "m3"))
	assert.Equal(t, controlplane.First, machineOf(t, o, "m1").Role)
}

// TestVerdict: what is decided on is what was seen in this look, and no more.
func TestVerdict(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason     string
		change     change
		membership controlplane.Membership
		health     controlplane.Health
		message    string
	}{
		"Healthy": {
			reason: "as seen", change: func(*testing.T, *observation.Objects) {},
			membership: controlplane.Voting, health: controlplane.Healthy,
		},
		"Sick": {
			reason: "as seen", change: sick("m3"),
			membership: controlplane.Voting, health: controlplane.Unhealthy, message: "k0s has not renewed its lease",
		},
		"Kept": {
			reason: "it is shown, but nothing is decided on it", change: silent,
			membership: controlplane.Voting, health: controlplane.HealthUnknown,
		},
		"Lost": {
			reason: "nothing is known", change: lost,
			membership: controlplane.Unknown, health: controlplane.HealthUnknown, message: "has not answered since",
		},
		"Leaving": {
			reason: "it may stop at any time", change: state("m3", func(s *k0snode.State) { s.Leaving = true }),
			membership: controlplane.Voting, health: controlplane.Unhealthy, message: "was asked to leave etcd",
		},
		"Joining": {
			reason: "as seen", change: joining, membership: controlplane.Learner, health: controlplane.HealthUnknown,
			message: "may be joining",
		},
		"NeverLookedAt": {
			reason:     "it has its data, and may be anything",
			change:     func(_ *testing.T, o *observation.Objects) { delete(o.Report.States, "m3") },
			membership: controlplane.Unknown, health: controlplane.HealthUnknown,
		},
		"NeverLookedAtWithoutData": {
			reason: "it cannot have joined",
			change: func(t *testing.T, o *observation.Objects) {
				t.Helper()
				waiting(t, o)
				delete(o.Report.States, "m3")
			},
			membership: controlplane.NotMember, health: controlplane.HealthUnknown,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			machine := machineOf(t, atRest(t, 3, tc.change), "m3")
			assert.Equal(t, tc.membership, machine.Membership, tc.reason)
			assert.Equal(t, tc.health, machine.Health, tc.reason)
			assert.Contains(t, machine.HealthMessage, tc.message)
		})
	}
}

// TestData: when a controller may join, and since when it should have.
func TestData(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		change func(*observation.Objects)
		want   controlplane.Data
	}{
		"Nothing": {reason: "bootstrap is at work", change: func(*observation.Objects) {}},
		"OfTheConfig": {
			reason: "the Machine does not know yet",
			change: func(o *observation.Objects) { o.Configs[2].Status.DataSecretName = "m3" },
			want:   controlplane.Data{Written: true},
		},
		"OfTheMachine": {
			reason: "infrastructure may take it any time",
			change: func(o *observation.Objects) { last(o).Spec.Bootstrap.DataSecretName = new("m3") },
			want:   controlplane.Data{Written: true},
		},
		"Consumed": {
			reason: "infrastructure tells when",
			change: func(o *observation.Objects) { provisioned(o, metav1.ConditionTrue) },
			want:   controlplane.Data{Written: true, Consumed: testenv.Now.Add(-time.Minute)},
		},
		"ConsumedSomeTime": {
			reason: "it is not known when: rather late than early",
			change: func(o *observation.Objects) { provisioned(o, metav1.ConditionUnknown) },
			want:   controlplane.Data{Written: true, Consumed: testenv.Now},
		},
		"ConsumedUntold": {
			reason: "nobody has said when",
			change: func(o *observation.Objects) {
				provisioned(o, metav1.ConditionTrue)
				last(o).Status.Conditions = nil
			},
			want: controlplane.Data{Written: true, Consumed: testenv.Now},
		},
		"FailedSince": {
			reason: "its time goes on while infrastructure fails",
			change: func(o *observation.Objects) {
				provisioned(o, metav1.ConditionFalse)
				inPhase(o, clusterv1.MachinePhaseProvisioned)
			},
			want: controlplane.Data{Written: true, Consumed: testenv.Now.Add(-20 * time.Minute)},
		},
		"FailedOnce": {
			reason: "it does not start anew",
			change: func(o *observation.Objects) {
				provisioned(o, metav1.ConditionTrue)
				inPhase(o, clusterv1.MachinePhaseRunning)
			},
			want: controlplane.Data{Written: true, Consumed: testenv.Now.Add(-20 * time.Minute)},
		},
		"PhaseBefore": {
			reason: "a phase of another kind tells nothing",
			change: func(o *observation.Objects) {
				provisioned(o, metav1.ConditionTrue)
				inPhase(o, clusterv1.MachinePhaseProvisioning)
			},
			want: controlplane.Data{Written: true, Consumed: testenv.Now.Add(-time.Minute)},
		},
		"NotProvisioned": {
			reason: "it says so",
			change: func(o *observation.Objects) {
				last(o).Status.Initialization.InfrastructureProvisioned = new(false)
			},
		},
		"NoConfig": {reason: "it was deleted by hand", change: func(o *observation.Objects) { o.Configs = o.Configs[:2] }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := atRest(t, 3, waiting)
			tc.change(&o)
			assert.Equal(t, tc.want, machineOf(t, o, "m3").Data, tc.reason)
		})
	}
}

func provisioned(o *observation.Objects, status metav1.ConditionStatus) {
	last(o).Status.Initialization.InfrastructureProvisioned = new(true)
	last(o).Status.Conditions = []metav1.Condition{{
		Type: clusterv1.MachineInfrastructureReadyCondition, Status: status,
		LastTransitionTime: metav1.NewTime(o.Now.Add(-time.Minute)),
	}}
}

// inPhase puts the youngest Machine into a phase, twenty minutes ago.
func inPhase(o *observation.Objects, phase clusterv1.MachinePhase) {
	last(o).Status.SetTypedPhase(phase)
	last(o).Status.LastUpdated = metav1.NewTime(o.Now.Add(-20 * time.Minute))
}

// TestOutdated: a Machine is compared with what is asked for.
func TestOutdated(t *testing.T) {
	t.Parallel()
	o := atRest(t, 3)
	assert.Empty(t, machineOf(t, o, "m3").Outdated)
	o.ControlPlane.Spec.Version = "v1.36.4"
	o.ControlPlane.Spec.MachineTemplate.Spec.InfrastructureRef.Name = "newer"
	assert.Len(t, machineOf(t, o, "m3").Outdated, 2)
	o.Infrastructure[2].SetAnnotations(nil)
	assert.Len(t, machineOf(t, o, "m3").Outdated, 2, "infrastructure that was made from nothing is not what is asked for")
	o.Infrastructure = nil
	assert.Equal(t, []string{"version is v1.36.3+k0s.2, and v1.36.4 is asked for"}, machineOf(t, o, "m3").Outdated,
		"of what is not there nothing is said")
	o.ControlPlane.Spec.K0sConfigSpec.K0s.Raw = []byte("[")
	assert.Empty(t, machineOf(t, o, "m3").Outdated, "what cannot be read replaces nothing")
}

// TestParts: what is missing behind a Machine is told.
func TestParts(t *testing.T) {
	t.Parallel()
	o := atRest(t, 1)
	assert.Equal(t, whole, machineOf(t, o, "m1").Parts)
	o.Configs, o.Infrastructure = nil, nil
	machine := machineOf(t, o, "m1")
	assert.Equal(t, controlplane.Parts{Machine: true}, machine.Parts)
	assert.Empty(t, machine.Role)
}

// TestHalfMade: what has no Machine comes after those that have, and is as wanted, or not.
func TestHalfMade(t *testing.T) {
	t.Parallel()
	deleted := stamped(testenv.Now)
	cases := map[string]struct {
		reason string
		change func(*observation.Objects)
		want   func(*controlplane.Machine)
	}{
		"Both": {
			reason: "a crash before the Machine",
			change: func(*observation.Objects) {},
			want:   func(*controlplane.Machine) {},
		},
		"InfrastructureOnly": {
			reason: "a crash before the config",
			change: func(o *observation.Objects) { o.Configs = nil },
			want:   func(m *controlplane.Machine) { m.Parts.Config, m.Role = false, "" },
		},
		"ConfigOnly": {
			reason: "a crash while it was removed",
			change: func(o *observation.Objects) { o.Infrastructure = nil },
			want:   func(m *controlplane.Machine) { m.Parts.Infrastructure = false },
		},
		"PartlyDeleted": {
			reason: "the rest must be deleted, too",
			change: func(o *observation.Objects) { o.Configs[0].DeletionTimestamp = deleted },
			want:   func(*controlplane.Machine) {},
		},
		"Deleted": {
			reason: "it is on its way out",
			change: func(o *observation.Objects) {
				o.Configs[0].DeletionTimestamp = deleted
				o.Infrastructure[0].SetDeletionTimestamp(deleted)
			},
			want: func(m *controlplane.Machine) { m.DeletingSince = testenv.Now },
		},
		"OtherVersion": {
			reason: "another one is asked for now",
			change: func(o *observation.Objects) { o.Configs[0].Spec.Version = "v1.36.2" },
			want: func(m *controlplane.Machine) {
				m.Outdated = []string{"version is v1.36.2, and v1.36.3+k0s.2 is asked for"}
			},
		},
		"OtherSettings": {
			reason: "they have changed since",
			change: func(o *observation.Objects) {
				o.ControlPlane.Spec.K0sConfigSpec.Args = []bootstrapv1.ControllerArg{"--debug"}
			},
			want: func(m *controlplane.Machine) {
				m.Outdated = []string{"its config was made from other settings"}
			},
		},
		"SettingsThatCannotBeRead": {
			reason: "nothing can be said",
			change: func(o *observation.Objects) { o.ControlPlane.Spec.K0sConfigSpec.K0s.Raw = []byte("[") },
			want:   func(*controlplane.Machine) {},
		},
		"ConfigThatCannotBeRead": {
			reason: "nothing can be said",
			change: func(o *observation.Objects) { o.Configs[0].Spec.K0s.Raw = []byte("[") },
			want:   func(*controlplane.Machine) {},
		},
		"SettingsThatCannotBe": {
			reason: "nothing can be said",
			change: func(o *observation.Objects) {
				o.ControlPlane.Spec.K0sConfigSpec.K0s.Raw = []byte(`{"spec":{"api":{"port":"x"}}}`)
			},
			want: func(*controlplane.Machine) {},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := atRest(t, 0)
			addHalf(t, &o, "m7")
			tc.change(&o)
			want := controlplane.Machine{
				Name: "m7", Parts: controlplane.Parts{Infrastructure: true, Config: true}, Role: controlplane.Joining,
				Membership: controlplane.NotMember, Health: controlplane.HealthUnknown,
			}
			tc.want(&want)
			assert.Equal(t, want, machineOf(t, o, "m7"), tc.reason)
		})
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	o := atRest(t, 2)
	for _, name := range []string{"z", "a", "b"} {
		o.Infrastructure = append(o.Infrastructure, object(name))
	}
	var names []string
	for _, machine := range observation.Snapshot(o).Machines {
		names = append(names, machine.Name)
	}
	assert.Equal(t, []string{"m1", "m2", "a", "b", "z"}, names)
}

// TestWasMember: only what was recorded on the Machine counts.
func TestWasMember(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{contract.MemberJoined: true, contract.MemberLeft: false, "": false} {
		o := atRest(t, 1)
		o.Machines[0].Annotations[contract.WasMemberAnnotation] = value
		assert.Equal(t, want, machineOf(t, o, "m1").WasMember, value)
		assert.Equal(t, want, observation.Facts(o).Machines[0].WasMember, value)
	}
}
