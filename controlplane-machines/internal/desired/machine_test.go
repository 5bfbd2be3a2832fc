// SPDX-License-Identifier: Apache-2.0

package desired_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/desired"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// TestMachineInPlace: what may change does, what may not stays, and a second pass says the same.
func TestMachineInPlace(t *testing.T) {
	t.Parallel()
	f := facts(version, "")
	made := desired.Machine(f, desired.Placement{Name: "m1", FailureDomain: "a"}, "1-hash")
	live := made.DeepCopy()
	live.Spec.ProviderID = "test:///1"
	live.Spec.Bootstrap.DataSecretName = new("m1")
	live.Annotations["core.example.org/a"] = "b"
	assert.Empty(t, cmp.Diff(made, desired.MachineInPlace(f, live)), "nothing is claimed that others wrote")

	f.ControlPlane.Spec.Version = "v1.37.0"
	f.ControlPlane.Spec.MachineTemplate.Spec.InfrastructureRef.Name = "other"
	f.ControlPlane.Spec.K0sConfigSpec.Args = []bootstrapv1.ControllerArg{"--debug"}
	assert.Empty(t, cmp.Diff(made, desired.MachineInPlace(f, live)), "that needs another Machine")

	template := &f.ControlPlane.Spec.MachineTemplate
	template.ObjectMeta.Labels = map[string]string{"team": "cats", clusterv1.ClusterNameLabel: "other"}
	template.ObjectMeta.Annotations = map[string]string{"note": "hello", contract.InputsHashAnnotation: "other"}
	template.Spec.Deletion.NodeDrainTimeoutSeconds = new(int32(5))
	template.Spec.ReadinessGates = []clusterv1.MachineReadinessGate{{ConditionType: "A"}}
	template.Spec.Taints = []clusterv1.MachineTaint{{Key: "a", Effect: "NoSchedule", Propagation: "Always"}}
	changed := desired.MachineInPlace(f, live)
	assert.Equal(t, "cats", changed.Labels["team"])
	assert.Equal(t, testenv.ClusterName, changed.Labels[clusterv1.ClusterNameLabel], "ours are ours")
	assert.Equal(t, "hello", changed.Annotations["note"])
	assert.Equal(t, "1-hash", changed.Annotations[contract.InputsHashAnnotation])
	assert.Equal(t, int32(5), *changed.Spec.Deletion.NodeDrainTimeoutSeconds)
	assert.Equal(t, template.Spec.ReadinessGates, changed.Spec.ReadinessGates)
	assert.Equal(t, template.Spec.Taints, changed.Spec.Taints)
	assert.Empty(t, cmp.Diff(changed, desired.MachineInPlace(f, changed)))
}

// TestHook: it is there until it was released for good.
func TestHook(t *testing.T) {
	t.Parallel()
	f := facts(version, "")
	hooked := func(change func(*clusterv1.Machine)) bool {
		live := desired.Machine(f, desired.Placement{Name: "m1"}, "1-hash")
		change(live)
		_, there := desired.MachineInPlace(f, live).Annotations[contract.LeaveHookAnnotation]
		return there
	}
	deleted := func(m *clusterv1.Machine) { m.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }
	unhook := func(m *clusterv1.Machine) { delete(m.Annotations, contract.LeaveHookAnnotation) }
	assert.True(t, hooked(func(*clusterv1.Machine) {}))
	assert.True(t, hooked(unhook), "somebody else removed it")
	assert.True(t, hooked(deleted))
	assert.False(t, hooked(func(m *clusterv1.Machine) { deleted(m); unhook(m) }))
}

// TestNotMadeByUs: a Machine that records nothing is not compared with anything.
func TestNotMadeByUs(t *testing.T) {
	t.Parallel()
	f := facts(version, "")
	live := testenv.Machine(namespace, "m1")
	live.Spec.Version = version
	assert.NotContains(t, desired.MachineInPlace(f, live).Annotations, contract.InputsHashAnnotation)
	reasons, err := desired.OutdatedReasons(f, desired.Live{Machine: live})
	require.NoError(t, err)
	assert.Empty(t, reasons)
}

// TestInfraMachine: the template stays as it is, and a broken one is an error.
func TestInfraMachine(t *testing.T) {
	t.Parallel()
	source := template()
	before := source.DeepCopy()
	_, err := desired.InfraMachine(facts(version, ""), "m1", source)
	require.NoError(t, err)
	assert.Equal(t, before, source)
	source.Object["spec"] = "none"
	_, err = desired.InfraMachine(facts(version, ""), "m1", source)
	require.NoError(t, err, "a template without content makes an object without content, as for Cluster API")
}

// TestOwners: config and infrastructure are left to the Machine to control; the Machine is ours.
func TestOwners(t *testing.T) {
	t.Parallel()
	f := facts(version, "")
	configuration, err := desired.NewConfiguration(f, "")
	require.NoError(t, err)
	config, err := desired.ControllerConfig(f, "m1", bootstrapv1.ControllerRoleFirst, configuration)
	require.NoError(t, err)
	infrastructure, err := desired.InfraMachine(f, "m1", template())
	require.NoError(t, err)
	machine := desired.Machine(f, desired.Placement{Name: "m1"}, "1-hash")
	for _, owned := range []metav1.Object{config, infrastructure} {
		require.Len(t, owned.GetOwnerReferences(), 1)
		assert.Equal(t, "uid", string(owned.GetOwnerReferences()[0].UID))
		assert.Nil(t, metav1.GetControllerOf(owned))
	}
	assert.Equal(t, "K0sControlPlane", metav1.GetControllerOf(machine).Kind)
	assert.Equal(t, machine.Name, config.Name)
	assert.Equal(t, machine.Name, infrastructure.GetName())
	assert.True(t, contract.IsControlPlaneMachine(machine))
}

func TestJoinSecret(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		"": "https://192.0.2.10:9443", `{"spec":{"api":{"k0sApiPort":9444}}}`: "https://192.0.2.10:9444",
	} {
		f := facts(version, document)
		configuration, err := desired.NewConfiguration(f, "")
		require.NoError(t, err)
		secret, err := desired.JoinSecret(f, configuration, []byte("certificate"))
		require.NoError(t, err)
		info, err := contract.ParseJoinInfo(secret)
		require.NoError(t, err)
		assert.Equal(t, contract.JoinInfo{
			WorkerURL: "https://192.0.2.10:6443", ControllerURL: want, CA: []byte("certificate"),
		}, info)
	}
}
