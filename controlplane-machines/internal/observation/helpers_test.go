// SPDX-License-Identifier: Apache-2.0

package observation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/desired"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/observation"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

const (
	namespace = "zoo"
	release   = "v1.36.3+k0s.2"
	oldest    = "v1.34.1+k0s.0"
)

// change is made to what was read.
type change func(*testing.T, *observation.Objects)

// atRest is a control plane of so many machines, m1 the oldest, all healthy and up to date.
func atRest(t *testing.T, replicas int, changes ...change) observation.Objects {
	t.Helper()
	o := observation.Objects{
		Now:          testenv.Now,
		Cluster:      testenv.Cluster(namespace, testenv.Initialized("192.0.2.10", 6443)),
		ControlPlane: newControlPlane(replicas),
		Certificates: true, Storage: k0snode.StorageEtcd, MaxLearners: "5",
		Workload: &k0snode.Objects{},
		Report:   k0snode.Report{States: map[string]k0snode.State{}, Answered: testenv.Now},
	}
	for i := range replicas {
		addMachine(t, &o, "m"+string(rune('1'+i)))
	}
	for _, apply := range changes {
		apply(t, &o)
	}
	return o
}

func newControlPlane(replicas int) *controlplanev1.K0sControlPlane {
	controlPlane := &controlplanev1.K0sControlPlane{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: "stripes", UID: "uid", Generation: 4, Annotations: map[string]string{},
	}}
	controlPlane.Spec.Replicas = new(int32(replicas))
	controlPlane.Spec.Version = release
	controlPlane.Spec.UpdateStrategy = controlplanev1.UpdateStrategyRecreate
	controlPlane.Spec.MachineTemplate.Spec.InfrastructureRef = clusterv1.ContractVersionedObjectReference{
		APIGroup: testenv.InfraGroupVersion.Group, Kind: testenv.InfraMachineTemplateKind, Name: "new",
	}
	controlPlane.Status.Initialization.ControlPlaneInitialized = new(true)
	conditions.True(controlPlane, controlplanev1.CertificatesAvailableCondition, controlplanev1.AvailableReason, "")
	conditions.True(controlPlane, controlplanev1.InitializedCondition, controlplanev1.InitializedReason, "")
	return controlPlane
}

// addMachine adds a machine that has joined an hour ago.
func addMachine(t *testing.T, o *observation.Objects, name string) {
	t.Helper()
	address := "10.0.0." + name[1:]
	addHalf(t, o, name)
	machine := newMachine(t, o, name)
	machine.Annotations[contract.WasMemberAnnotation] = contract.MemberJoined
	machine.Spec.Bootstrap.DataSecretName = new(name)
	machine.Status.Initialization.InfrastructureProvisioned = new(true)
	machine.Status.Addresses = clusterv1.MachineAddresses{
		{Type: clusterv1.MachineHostName, Address: "host"}, {Type: clusterv1.MachineInternalIP, Address: address},
	}
	machine.Status.Conditions = []metav1.Condition{{
		Type: clusterv1.MachineInfrastructureReadyCondition, Status: metav1.ConditionTrue,
		LastTransitionTime: metav1.NewTime(o.Now.Add(-time.Hour)),
	}}
	o.Machines = append(o.Machines, machine)
	o.Workload.Members = append(o.Workload.Members, k0snode.EtcdMember{
		Name: name, Joined: k0snode.JoinedTrue, PeerAddress: address,
	})
	o.Report.States[name] = k0snode.State{
		Membership: controlplane.Voting, Health: controlplane.Healthy, Current: true, Version: version(t, release),
		PeerAddress: address,
	}
}

func newMachine(t *testing.T, o *observation.Objects, name string) *clusterv1.Machine {
	t.Helper()
	hash, err := desired.InputsHash(o.ControlPlane.Spec.K0sConfigSpec)
	require.NoError(t, err)
	machine := desired.Machine(facts(o), desired.Placement{Name: name}, hash)
	machine.Generation = 2
	machine.CreationTimestamp = metav1.NewTime(o.Now.Add(-2 * time.Hour).Add(time.Duration(len(o.Machines)) * time.Minute))
	return machine
}

// addHalf adds what is made before the Machine.
func addHalf(t *testing.T, o *observation.Objects, name string) {
	t.Helper()
	infrastructure, err := desired.InfraMachine(
		facts(o),
		name,
		testenv.InfraMachineTemplate(namespace, "new", map[string]any{}),
	)
	require.NoError(t, err)
	configuration, err := desired.NewConfiguration(facts(o), o.MaxLearners)
	require.NoError(t, err)
	role := bootstrapv1.ControllerRoleJoining
	if name == "m1" {
		role = bootstrapv1.ControllerRoleFirst
	}
	config, err := desired.ControllerConfig(facts(o), name, role, configuration)
	require.NoError(t, err)
	o.Infrastructure = append(o.Infrastructure, infrastructure)
	o.Configs = append(o.Configs, config)
}

func facts(o *observation.Objects) desired.Facts {
	return desired.Facts{Cluster: o.Cluster, ControlPlane: o.ControlPlane}
}

func version(t *testing.T, text string) k0sversion.Version {
	t.Helper()
	parsed, err := k0sversion.Parse(text)
	require.NoError(t, err)
	return parsed
}

// last is the youngest Machine.
func last(o *observation.Objects) *clusterv1.Machine { return o.Machines[len(o.Machines)-1] }

func stamped(at time.Time) *metav1.Time { return new(metav1.NewTime(at)) }

// state changes what is known about the controller of a Machine.
func state(name string, set func(*k0snode.State)) change {
	return func(_ *testing.T, o *observation.Objects) {
		known := o.Report.States[name]
		set(&known)
		o.Report.States[name] = known
	}
}

// runs is the release that is seen to run on a Machine.
func runs(name, release string) change {
	return func(t *testing.T, o *observation.Objects) {
		t.Helper()
		state(name, func(s *k0snode.State) { s.Version = version(t, release) })(t, o)
	}
}

func sick(name string) change {
	return state(name, func(s *k0snode.State) {
		s.Health, s.Message = controlplane.Unhealthy, "k0s has not renewed its lease"
	})
}

// joining makes the youngest Machine one that has no EtcdMember yet.
func joining(_ *testing.T, o *observation.Objects) {
	machine := last(o)
	delete(machine.Annotations, contract.WasMemberAnnotation)
	o.Workload.Members = o.Workload.Members[:len(o.Workload.Members)-1]
	o.Report.States[machine.Name] = k0snode.State{
		Membership: controlplane.Learner, Health: controlplane.HealthUnknown, Current: true,
		Message: "is no voting member of etcd yet: it may be joining, or a learner",
	}
}

// waiting makes the youngest Machine one that has not been told how to join.
func waiting(t *testing.T, o *observation.Objects) {
	t.Helper()
	joining(t, o)
	machine := last(o)
	machine.Spec.Bootstrap.DataSecretName = nil
	machine.Status = clusterv1.MachineStatus{}
	o.Report.States[machine.Name] = k0snode.State{
		Membership: controlplane.NotMember, Health: controlplane.HealthUnknown, Current: true, Message: "was not started yet",
	}
}

// leaving deletes the youngest Machine, which is drained by now.
func leaving(_ *testing.T, o *observation.Objects) {
	machine := last(o)
	machine.DeletionTimestamp = stamped(o.Now.Add(-time.Minute))
	machine.Status.Conditions = append(machine.Status.Conditions, metav1.Condition{
		Type: clusterv1.MachineDeletingCondition, Status: metav1.ConditionTrue,
		Reason: clusterv1.MachineDeletingWaitingForPreTerminateHookReason,
	})
}

// silent is a workload cluster that does not answer any more.
func silent(_ *testing.T, o *observation.Objects) {
	o.Workload = nil
	o.Report.Answered = o.Now.Add(-time.Minute)
	for name, known := range o.Report.States {
		known.Current = false
		o.Report.States[name] = known
	}
}

// lost is one that has not answered for longer than verdicts are kept.
func lost(t *testing.T, o *observation.Objects) {
	t.Helper()
	silent(t, o)
	o.Report.Answered = o.Now.Add(-10 * time.Minute)
	for name := range o.Report.States {
		o.Report.States[name] = k0snode.State{
			Membership: controlplane.Unknown, Health: controlplane.HealthUnknown,
			Message: "the workload cluster has not answered since 2030-01-01T11:50:00Z",
		}
	}
}

func leftOver(text string) change {
	return func(_ *testing.T, o *observation.Objects) {
		o.ControlPlane.Annotations[contract.LeftOverMembersAnnotation] = text
	}
}

func stray(member controlplane.Member) change {
	return func(_ *testing.T, o *observation.Objects) { o.Report.Strays = append(o.Report.Strays, member) }
}

func wish(set func(*controlplanev1.K0sControlPlane)) change {
	return func(_ *testing.T, o *observation.Objects) { set(o.ControlPlane) }
}

// uncounted is a look at which leases could not be told apart.
func uncounted(_ *testing.T, o *observation.Objects) {
	for name, known := range o.Report.States {
		known.Health, known.Message = controlplane.HealthUnknown, "2 of 3 controllers renew their lease"
		o.Report.States[name] = known
	}
}

func kine(_ *testing.T, o *observation.Objects) {
	o.Storage = k0snode.StorageForeign
	o.Workload.Members = nil
}

func deletedControlPlane(_ *testing.T, o *observation.Objects) {
	o.ControlPlane.DeletionTimestamp = stamped(o.Now.Add(-time.Minute))
}

// machineOf is a Machine of the snapshot.
func machineOf(t *testing.T, o observation.Objects, name string) controlplane.Machine {
	t.Helper()
	for _, machine := range observation.Snapshot(o).Machines {
		if machine.Name == name {
			return machine
		}
	}
	require.Fail(t, "no machine "+name)
	return controlplane.Machine{}
}

func object(name string) *unstructured.Unstructured { return testenv.InfraMachine(namespace, name, "") }
