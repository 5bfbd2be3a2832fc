// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	infrav1 "github.com/k0smotron/k0smotron/e2e/infra/api/v1beta2"
	"github.com/k0smotron/k0smotron/e2e/lab/machine"
)

const namespace = "default"

// host is the lab's host: it holds at most one machine, and fails when told to.
type host struct {
	machine  *machine.State
	userData string
	destroys int
	err      error
	// controlPlane is whether the machine was asked for as one of a control plane.
	controlPlane bool
}

func (h *host) Ensure(_ context.Context, spec machine.Spec) (machine.State, error) {
	if h.err != nil {
		return machine.State{}, h.err
	}
	if h.machine == nil {
		h.machine = &machine.State{
			Name:    spec.Name,
			Owner:   spec.Owner,
			Address: netip.MustParseAddr("10.211.0.20"),
			Running: true,
		}
		h.userData, h.controlPlane = string(spec.UserData), spec.ControlPlane
	}
	return *h.machine, nil
}

func (h *host) Get(context.Context, string) (machine.State, error) {
	if h.err != nil {
		return machine.State{}, h.err
	}
	if h.machine == nil {
		return machine.State{}, machine.ErrNotFound
	}
	return *h.machine, nil
}

func (h *host) Destroy(context.Context, string) error {
	h.destroys++
	h.machine = nil
	return h.err
}

func TestMachineIsMadeFromItsBootstrapData(t *testing.T) {
	w := newWorld(t, objects()...)
	w.passes(t, 2)

	got := w.labMachine(t)
	assert.Equal(t, "lab://worker", got.Spec.ProviderID)
	assert.True(t, *got.Status.Initialization.Provisioned)
	assert.Equal(t, []clusterv1.MachineAddress{
		{Type: clusterv1.MachineHostName, Address: "worker"},
		{Type: clusterv1.MachineInternalIP, Address: "10.211.0.20"},
	}, got.Status.Addresses)
	assertReady(t, got, metav1.ConditionTrue, infrav1.ReadyReason)
	assert.Equal(t, "#cloud-config\n", w.host.userData)
	assert.Equal(t, "default/worker/uid-of-worker", w.host.machine.Owner)
}

func TestMachineWaits(t *testing.T) {
	for name, c := range map[string]struct {
		change func(objects map[string]client.Object)
		reason string
	}{
		"for its Machine": {
			change: func(o map[string]client.Object) { delete(o, "machine") },
			reason: infrav1.WaitingForMachineReason,
		},
		"for its Cluster": {
			change: func(o map[string]client.Object) { delete(o, "cluster") },
			reason: infrav1.WaitingForClusterReason,
		},
		"for the cluster's infrastructure": {
			change: func(o map[string]client.Object) {
				o["cluster"].(*clusterv1.Cluster).Status.Initialization.InfrastructureProvisioned = nil
			},
			reason: infrav1.WaitingForClusterReason,
		},
		"for bootstrap data": {
			change: func(o map[string]client.Object) {
				o["machine"].(*clusterv1.Machine).Spec.Bootstrap.DataSecretName = nil
			},
			reason: infrav1.WaitingForBootstrapDataReason,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, changed(c.change)...)
			w.passes(t, 2)
			assertReady(t, w.labMachine(t), metav1.ConditionFalse, c.reason)
			assert.Nil(t, w.host.machine)
		})
	}
}

func TestMachineTellsWhyItCannotBeMade(t *testing.T) {
	for name, c := range map[string]struct {
		change func(objects map[string]client.Object)
		err    error
		says   string
	}{
		"no secret": {
			change: func(o map[string]client.Object) { delete(o, "secret") },
			says:   "getting the bootstrap data",
		},
		"ignition": {
			change: func(o map[string]client.Object) {
				o["secret"].(*corev1.Secret).Data["format"] = []byte("ignition")
			},
			says: `format is "ignition", machines of the lab take cloud-config`,
		},
		"host": {change: func(map[string]client.Object) {}, err: errors.New("the disk is full"), says: "the disk is full"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, changed(c.change)...)
			w.passes(t, 1)
			w.host.err = c.err
			_, err := w.pass(t)
			require.ErrorContains(t, err, c.says)
			got := w.labMachine(t)
			assertReady(t, got, metav1.ConditionFalse, infrav1.HostErrorReason)
			assert.Empty(t, got.Spec.ProviderID)
		})
	}
}

func TestMachineThatDoesNotRun(t *testing.T) {
	w := newWorld(t, objects()...)
	w.passes(t, 2)

	w.host.machine.Running = false
	w.passes(t, 1)
	assertReady(t, w.labMachine(t), metav1.ConditionFalse, infrav1.NotRunningReason)

	w.host.machine.Running = true
	w.passes(t, 1)
	assertReady(t, w.labMachine(t), metav1.ConditionTrue, infrav1.ReadyReason)

	w.host.machine = nil
	w.passes(t, 1)
	assertReady(t, w.labMachine(t), metav1.ConditionFalse, infrav1.GoneReason)
	assert.Nil(t, w.host.machine, "it is not made again: that is for a new Machine")
}

func TestASecondPassWritesNothing(t *testing.T) {
	w := newWorld(t, objects()...)
	w.passes(t, 2)
	before := w.labMachine(t).ResourceVersion
	result, err := w.pass(t)
	require.NoError(t, err)
	assert.Equal(t, ctrl.Result{RequeueAfter: lookAfter}, result)
	assert.Equal(t, before, w.labMachine(t).ResourceVersion)
}

func TestDeletionDestroysTheMachine(t *testing.T) {
	w := newWorld(t, objects()...)
	w.passes(t, 2)
	require.NoError(t, w.client.Delete(t.Context(), w.labMachine(t)))

	w.host.err = errors.New("busy")
	_, err := w.pass(t)
	require.ErrorContains(t, err, "busy")
	require.NoError(t, w.client.Get(t.Context(), key(), &infrav1.LabMachine{}), "it is kept until the machine is gone")

	w.host.err = nil
	w.passes(t, 1)
	assert.Nil(t, w.host.machine)
	require.Error(t, w.client.Get(t.Context(), key(), &infrav1.LabMachine{}))
}

func TestDeletionSparesTheMachineOfAnother(t *testing.T) {
	w := newWorld(t, objects()...)
	w.passes(t, 1)
	w.host.machine = &machine.State{Name: "worker", Owner: "other/worker/uid"}
	require.NoError(t, w.client.Delete(t.Context(), w.labMachine(t)))
	w.passes(t, 1)
	assert.Zero(t, w.host.destroys)
	require.Error(t, w.client.Get(t.Context(), key(), &infrav1.LabMachine{}))
}

func TestAPausedMachineIsLeftAlone(t *testing.T) {
	w := newWorld(t, changed(func(o map[string]client.Object) {
		o["cluster"].(*clusterv1.Cluster).Spec.Paused = new(true)
	})...)
	w.passes(t, 3)
	assert.Nil(t, w.host.machine)
	assert.Empty(t, w.labMachine(t).Finalizers)
}

func TestClusterIsProvisionedWhenItHasAnEndpoint(t *testing.T) {
	w := newWorld(t, objects()...)
	r := &ClusterReconciler{Client: w.client}
	request := ctrl.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: "demo"}}
	get := func() *infrav1.LabCluster {
		labCluster := &infrav1.LabCluster{}
		require.NoError(t, w.client.Get(t.Context(), request.NamespacedName, labCluster))
		return labCluster
	}

	_, err := r.Reconcile(t.Context(), request)
	require.NoError(t, err)
	assertReady(t, get(), metav1.ConditionFalse, infrav1.WaitingForControlPlaneEndpointReason)
	assert.Nil(t, get().Status.Initialization.Provisioned)

	cluster := &clusterv1.Cluster{}
	require.NoError(t, w.client.Get(t.Context(), request.NamespacedName, cluster))
	cluster.Spec.ControlPlaneEndpoint = clusterv1.APIEndpoint{Host: "10.211.0.200", Port: 6443}
	require.NoError(t, w.client.Update(t.Context(), cluster))
	_, err = r.Reconcile(t.Context(), request)
	require.NoError(t, err)
	assertReady(t, get(), metav1.ConditionTrue, infrav1.ReadyReason)
	assert.True(t, *get().Status.Initialization.Provisioned)
}

func TestClusterWithoutOwnerWaits(t *testing.T) {
	labCluster := &infrav1.LabCluster{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "alone"}}
	w := newWorld(t, labCluster)
	_, err := (&ClusterReconciler{Client: w.client}).Reconcile(
		t.Context(),
		ctrl.Request{NamespacedName: client.ObjectKeyFromObject(labCluster)},
	)
	require.NoError(t, err)
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(labCluster), labCluster))
	assertReady(t, labCluster, metav1.ConditionFalse, infrav1.WaitingForClusterReason)
}

func TestWhatIsGoneNeedsNothing(t *testing.T) {
	w := newWorld(t)
	w.passes(t, 1)
	_, err := (&ClusterReconciler{Client: w.client}).Reconcile(t.Context(), ctrl.Request{NamespacedName: key()})
	require.NoError(t, err)
}

// world is an API server with a host beside it.
type world struct {
	client    client.Client
	host      *host
	balancers *balancers
}

func newWorld(t *testing.T, existing ...client.Object) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	require.NoError(t, corev1.AddToScheme(scheme))
	require.NoError(t, clusterv1.AddToScheme(scheme))
	require.NoError(t, infrav1.AddToScheme(scheme))
	builder := fake.NewClientBuilder().WithScheme(scheme).WithObjects(existing...).WithStatusSubresource(existing...)
	return &world{client: builder.Build(), host: &host{}, balancers: &balancers{}}
}

func key() client.ObjectKey { return client.ObjectKey{Namespace: namespace, Name: "worker"} }

func (w *world) pass(t *testing.T) (ctrl.Result, error) {
	t.Helper()
	r := &MachineReconciler{Client: w.client, Secrets: w.client, Host: w.host}
	return r.Reconcile(t.Context(), ctrl.Request{NamespacedName: key()})
}

func (w *world) passes(t *testing.T, n int) {
	t.Helper()
	for range n {
		_, err := w.pass(t)
		require.NoError(t, err)
	}
}

func (w *world) labMachine(t *testing.T) *infrav1.LabMachine {
	t.Helper()
	labMachine := &infrav1.LabMachine{}
	require.NoError(t, w.client.Get(t.Context(), key(), labMachine))
	return labMachine
}

func assertReady(t *testing.T, object conditions.Getter, status metav1.ConditionStatus, reason string) {
	t.Helper()
	condition := conditions.Get(object, infrav1.ReadyCondition)
	require.NotNil(t, condition)
	assert.Equal(t, status, condition.Status)
	assert.Equal(t, reason, condition.Reason)
	assert.Equal(
		t,
		status == metav1.ConditionTrue,
		condition.Message == "",
		"what is not ready says why: %q",
		condition.Message,
	)
}

func objects() []client.Object { return changed(func(map[string]client.Object) {}) }

// changed is a Machine with all it needs, after a change.
func changed(change func(objects map[string]client.Object)) []client.Object {
	labels := func() map[string]string { return map[string]string{clusterv1.ClusterNameLabel: "demo"} }
	owned := func(kind, name string) []metav1.OwnerReference {
		return []metav1.OwnerReference{{APIVersion: clusterv1.GroupVersion.String(), Kind: kind, Name: name, UID: "x"}}
	}
	all := map[string]client.Object{
		"cluster": &clusterv1.Cluster{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "demo"},
			Status: clusterv1.ClusterStatus{
				Initialization: clusterv1.ClusterInitializationStatus{InfrastructureProvisioned: new(true)},
			},
		},
		"labCluster": &infrav1.LabCluster{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "demo", OwnerReferences: owned("Cluster", "demo")},
		},
		"machine": &clusterv1.Machine{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "worker", Labels: labels()},
			Spec: clusterv1.MachineSpec{
				ClusterName: "demo",
				Bootstrap:   clusterv1.Bootstrap{DataSecretName: new("worker-data")},
			},
		},
		"secret": &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "worker-data"},
			Data:       map[string][]byte{"value": []byte("#cloud-config\n"), "format": []byte("cloud-config")},
		},
		"labMachine": &infrav1.LabMachine{ObjectMeta: metav1.ObjectMeta{
			Namespace:       namespace,
			Name:            "worker",
			Labels:          labels(),
			UID:             "uid-of-worker",
			OwnerReferences: owned("Machine", "worker"),
		}},
	}
	change(all)
	list := make([]client.Object, 0, len(all))
	for _, object := range all {
		list = append(list, object)
	}
	return list
}
