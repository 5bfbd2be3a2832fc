// SPDX-License-Identifier: Apache-2.0

package observation_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/yaml"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/observation"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/rollout"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// scenarios are what people see in situations that happen.
func scenarios() map[string][]change {
	newer := wish(func(c *controlplanev1.K0sControlPlane) { c.Spec.Version = "v1.36.4" })
	replicas := func(replicas int32) change {
		return wish(func(c *controlplanev1.K0sControlPlane) { c.Spec.Replicas = new(replicas) })
	}
	return map[string][]change{
		"at-rest":        nil,
		"nothing-yet":    {notInitialized, noMachines},
		"first-starting": {notInitialized, noMachines, onlyFirst, waiting},
		"scaling-up":     {joining},
		"scaling-down":   {replicas(1), leaving},
		"rolling-out":    {newer},
		"sick":           {sick("m2"), newer},
		"quorum-lost":    {sick("m2"), sick("m3"), newer},
		"silent":         {silent},
		"lost":           {lost},
		"never-joined":   {joining, leaving},
		"left-over":      {leftOver("gone=10.0.0.9,lost=")},
		"record-broken":  {leftOver("gone")},
		"stray": {
			stray(controlplane.Member{Name: "by-hand", Membership: controlplane.Voting, Health: controlplane.Healthy}),
			stray(
				controlplane.Member{Name: "dead", Membership: controlplane.Voting, Health: controlplane.Unhealthy, Leaving: true},
			),
			stray(controlplane.Member{Name: "unclear", Membership: controlplane.Unknown}),
			stray(controlplane.Member{Name: "left", Membership: controlplane.Left}),
		},
		"certificates-missing": {func(_ *testing.T, o *observation.Objects) {
			o.Certificates = false
			conditions.False(o.ControlPlane, controlplanev1.CertificatesAvailableCondition, controlplanev1.NotAvailableReason,
				"Secret tiger-ca is missing")
		}},
		"deleting-with-workers": {deletedControlPlane, func(_ *testing.T, o *observation.Objects) { o.Workers = 2 }},
		"deleting":              {deletedControlPlane, leaving},
		"deleted":               {deletedControlPlane, noMachines},
		"kine":                  {kine},
		"kine-down":             {kine, sick("m1"), sick("m2"), sick("m3"), silent},
		"kine-joining":          {kine, uncounted},
		"with-nodes": {func(_ *testing.T, o *observation.Objects) {
			for _, machine := range o.Machines {
				machine.Status.NodeRef.Name = machine.Name
			}
		}},
		"mixed-versions": {newer, runs("m3", "v1.36.4+k0s.0")},
	}
}

// TestStatus renders the whole status for each.
func TestStatus(t *testing.T) {
	t.Parallel()
	for name, changes := range scenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := atRest(t, 3, changes...)
			observation.Status(o, rollout.Decide(observation.Snapshot(o)))
			status := o.ControlPlane.Status
			for i := range status.Conditions {
				status.Conditions[i].LastTransitionTime = metav1.Time{}
			}
			text, err := yaml.Marshal(status)
			require.NoError(t, err)
			testenv.Golden(t, filepath.Join("testdata", name+".yaml"), text)
		})
	}
}

// TestStatusIsStable: while nothing happens, time alone changes nothing, and neither does a second pass.
func TestStatusIsStable(t *testing.T) {
	t.Parallel()
	for name, changes := range scenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := atRest(t, 3, changes...)
			observation.Status(o, rollout.Decide(observation.Snapshot(o)))
			before := o.ControlPlane.Status.DeepCopy()
			machines := conditionsOf(o)
			o.Now = o.Now.Add(5 * time.Second)
			if o.Workload != nil {
				o.Report.Answered = o.Now
			}
			observation.Status(o, rollout.Decide(observation.Snapshot(o)))
			assert.Equal(t, *before, o.ControlPlane.Status)
			assert.Equal(t, machines, conditionsOf(o))
		})
	}
}

func conditionsOf(o observation.Objects) []string {
	var all []string
	for _, machine := range o.Machines {
		for _, condition := range observation.MachineConditions(o, machine) {
			all = append(all, machine.Name+" "+told(condition))
		}
	}
	return all
}

// TestCountersAreThere: each is 0 where there is nothing to count, never absent.
func TestCountersAreThere(t *testing.T) {
	t.Parallel()
	o := atRest(t, 0)
	observation.Status(o, rollout.Action{})
	status := o.ControlPlane.Status
	for _, counter := range []*int32{
		status.Replicas, status.ReadyReplicas, status.AvailableReplicas, status.UpToDateReplicas,
	} {
		require.NotNil(t, counter)
		assert.Zero(t, *counter)
	}
	assert.Equal(t, "cluster.x-k8s.io/cluster-name=tiger,cluster.x-k8s.io/control-plane", status.Selector)
}

// TestVersionsStand: what ran last is told as long as nothing else is known.
func TestVersionsStand(t *testing.T) {
	t.Parallel()
	o := atRest(t, 3)
	observation.Status(o, rollout.Action{})
	assert.Equal(t, []clusterv1.StatusVersion{{Version: release, Replicas: 3}}, o.ControlPlane.Status.Versions)
	o.ControlPlane.Spec.Version = "v1.36.3"
	observation.Status(o, rollout.Action{})
	assert.Equal(t, "v1.36.3", o.ControlPlane.Status.Version, "in the form of the spec")
	for _, change := range []change{
		func(_ *testing.T, o *observation.Objects) { o.Report = k0snode.Report{} },
		wish(func(c *controlplanev1.K0sControlPlane) { c.Spec.Version = "nonsense" }),
	} {
		change(t, &o)
		observation.Status(o, rollout.Action{})
		assert.Equal(t, "v1.36.3", o.ControlPlane.Status.Version)
	}
}

// TestVersionsUntold: an old release does not tell what it is; once it works, it is what its Machine was made with.
func TestVersionsUntold(t *testing.T) {
	t.Parallel()
	untold := func(s *k0snode.State) { s.Version = k0snode.State{}.Version }
	o := atRest(t, 2, state("m1", untold), state("m2", untold), sick("m2"))
	observation.Status(o, rollout.Action{})
	assert.Equal(t, []clusterv1.StatusVersion{{Version: release, Replicas: 1}}, o.ControlPlane.Status.Versions)
}

// TestAvailable: when a control plane counts as one that works.
func TestAvailable(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason   string
		replicas int
		changes  []change
		want     metav1.ConditionStatus
	}{
		"Healthy": {reason: "all work", replicas: 3, want: metav1.ConditionTrue},
		"OneSick": {reason: "two of three", replicas: 3, changes: []change{sick("m1")}, want: metav1.ConditionTrue},
		"TwoSick": {
			reason:   "one of three",
			replicas: 3,
			changes:  []change{sick("m1"), sick("m2")},
			want:     metav1.ConditionFalse,
		},
		"OnlyOneSick": {reason: "none", replicas: 1, changes: []change{sick("m1")}, want: metav1.ConditionFalse},
		"Lost":        {reason: "nobody knows", replicas: 3, changes: []change{lost}, want: metav1.ConditionUnknown},
		"Silent":      {reason: "for a moment", replicas: 3, changes: []change{silent}, want: metav1.ConditionTrue},
		"Joiner":      {reason: "it has no vote", replicas: 2, changes: []change{joining}, want: metav1.ConditionTrue},
		"KineOneWorks": {
			reason:   "no quorum",
			replicas: 3,
			changes:  []change{kine, sick("m1"), sick("m2")},
			want:     metav1.ConditionTrue,
		},
		"NoMachine": {reason: "nothing works", want: metav1.ConditionFalse},
		"ConfigurationRefused": {
			reason: "what runs, runs on", replicas: 1, want: metav1.ConditionTrue, changes: []change{refusedConfiguration},
		},
		"ConfigurationRefusedBefore": {
			reason: "nothing will run", replicas: 1, want: metav1.ConditionFalse,
			changes: []change{notInitialized, refusedConfiguration},
		},
		"CertificatesUnknown": {
			reason: "a call has failed", replicas: 1, want: metav1.ConditionUnknown,
			changes: []change{wish(func(c *controlplanev1.K0sControlPlane) {
				conditions.Unknown(c, controlplanev1.CertificatesAvailableCondition, controlplanev1.InternalErrorReason, "")
			})},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := atRest(t, tc.replicas, tc.changes...)
			observation.Status(o, rollout.Action{})
			available := conditions.Get(o.ControlPlane, controlplanev1.AvailableCondition)
			assert.Equal(t, tc.want, available.Status, "%s: %s", tc.reason, available.Message)
		})
	}
}

func refusedConfiguration(_ *testing.T, o *observation.Objects) {
	conditions.False(o.ControlPlane, controlplanev1.ConfigurationAppliedCondition,
		controlplanev1.InvalidConfigurationReason, "spec.k0sConfigSpec.k0s: no")
}

func notInitialized(_ *testing.T, o *observation.Objects) {
	o.ControlPlane.Status.Initialization.ControlPlaneInitialized = nil
	o.Cluster.Status.Initialization.ControlPlaneInitialized = nil
	conditions.False(o.ControlPlane, controlplanev1.InitializedCondition, controlplanev1.NotInitializedReason,
		"waiting for the first controller")
}

func onlyFirst(t *testing.T, o *observation.Objects) {
	t.Helper()
	addMachine(t, o, "m1")
}

func noMachines(_ *testing.T, o *observation.Objects) {
	o.Machines, o.Configs, o.Infrastructure = nil, nil, nil
	o.Workload = &k0snode.Objects{}
	o.Report = k0snode.Report{States: map[string]k0snode.State{}, Answered: o.Now}
}

// TestWhoHasANode: controllers with a kubelet get one.
func TestWhoHasANode(t *testing.T) {
	t.Parallel()
	const told = "no Node is expected"
	ready := func(o observation.Objects) string {
		observation.Status(o, rollout.Action{})
		return conditions.Get(o.ControlPlane, controlplanev1.MachinesReadyCondition).Message
	}
	o := atRest(t, 1)
	assert.Contains(t, ready(o), told)
	o.ControlPlane.Spec.K0sConfigSpec.Args = []bootstrapv1.ControllerArg{"--enable-worker"}
	assert.Contains(t, ready(o), told, "the Machine was made without")
	for _, args := range []bootstrapv1.ControllerArg{"--enable-worker", "--enable-worker=true"} {
		o.Configs[0].Spec.Args = []bootstrapv1.ControllerArg{"--debug", args}
		assert.NotContains(t, ready(o), told)
	}
	o.Configs[0].Spec.Args = []bootstrapv1.ControllerArg{"--enable-worker=false"}
	assert.Contains(t, ready(o), told)
	o.Configs = nil
	assert.NotContains(t, ready(o), told, "its config is gone: the wish is all that is known")
}
