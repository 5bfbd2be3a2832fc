// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/k0smotron/k0smotron/e2e/infra/api/v1beta2"
	"github.com/k0smotron/k0smotron/e2e/lab/balancer"
)

// balancers is the lab's host: it holds at most one load balancer, and fails when told to.
type balancers struct {
	spec *balancer.Spec
	err  error
}

func (b *balancers) EnsureBalancer(_ context.Context, spec balancer.Spec) (balancer.State, error) {
	if b.err != nil {
		return balancer.State{}, b.err
	}
	b.spec = &spec
	return balancer.State{Name: spec.Name, Address: netip.MustParseAddr("10.211.0.150")}, nil
}

func (b *balancers) RemoveBalancer(_ context.Context, name string) error {
	if b.err == nil && b.spec != nil && b.spec.Name == name {
		b.spec = nil
	}
	return b.err
}

func TestALoadBalancerIsTheEndpoint(t *testing.T) {
	w := newBalancedWorld(t)
	w.clusterPasses(t, 2)

	got := w.labCluster(t)
	assert.Equal(t, clusterv1.APIEndpoint{Host: "10.211.0.150", Port: 6443}, got.Spec.ControlPlaneEndpoint)
	assert.True(t, *got.Status.Initialization.Provisioned)
	assertReady(t, got, metav1.ConditionTrue, infrav1.ReadyReason)
	assert.Equal(t, &balancer.Spec{Name: "default.demo", Ports: []uint16{6443, 8132}}, w.balancers.spec)

	before := got.ResourceVersion
	w.clusterPasses(t, 1)
	assert.Equal(t, before, w.labCluster(t).ResourceVersion, "another pass writes nothing")
}

func TestMachinesOfTheControlPlaneAreBehindIt(t *testing.T) {
	deleted := controller("demo-2", "10.211.0.24")
	now := metav1.Now()
	deleted.DeletionTimestamp, deleted.Finalizers = &now, []string{infrav1.MachineFinalizer}
	foreign := controller("other-0", "10.211.0.25")
	foreign.Labels[clusterv1.ClusterNameLabel] = "other"
	booting := controller("demo-3")
	worker := controller("demo-worker", "10.211.0.26")
	delete(worker.Labels, clusterv1.MachineControlPlaneLabel)
	w := newBalancedWorld(t, controller("demo-0", "10.211.0.100"), controller("demo-1", "10.211.0.23"),
		deleted, foreign, booting, worker)
	w.clusterPasses(t, 2)
	assert.Equal(t, []netip.Addr{netip.MustParseAddr("10.211.0.23"), netip.MustParseAddr("10.211.0.100")},
		w.balancers.spec.Backends)
}

func TestALoadBalancerWaitsForItsCluster(t *testing.T) {
	w := newBalancedWorld(t)
	labCluster := w.labCluster(t)
	labCluster.OwnerReferences = nil
	require.NoError(t, w.client.Update(t.Context(), labCluster))
	w.clusterPasses(t, 2)
	assertReady(t, w.labCluster(t), metav1.ConditionFalse, infrav1.WaitingForClusterReason)
	assert.Nil(t, w.balancers.spec)
}

func TestALoadBalancerThatCannotBeMade(t *testing.T) {
	w := newBalancedWorld(t)
	w.clusterPasses(t, 1)
	w.balancers.err = errors.New("address already in use")
	_, err := w.clusterPass(t)
	require.ErrorContains(t, err, "making the load balancer: address already in use")
	got := w.labCluster(t)
	assertReady(t, got, metav1.ConditionFalse, infrav1.HostErrorReason)
	assert.Nil(t, got.Status.Initialization.Provisioned)
}

func TestALoadBalancerGoesWithItsCluster(t *testing.T) {
	w := newBalancedWorld(t)
	w.clusterPasses(t, 2)
	require.NoError(t, w.client.Delete(t.Context(), w.labCluster(t)))
	w.balancers.err = errors.New("busy")
	_, err := w.clusterPass(t)
	require.ErrorContains(t, err, "busy")
	assertReady(t, w.labCluster(t), metav1.ConditionFalse, infrav1.HostErrorReason)

	w.balancers.err = nil
	w.clusterPasses(t, 1)
	assert.Nil(t, w.balancers.spec)
	require.Error(t, w.client.Get(t.Context(), clusterKey(), &infrav1.LabCluster{}))
}

func TestWithoutTheWishThereIsNoLoadBalancer(t *testing.T) {
	w := newWorld(t, objects()...)
	w.clusterPasses(t, 3)
	got := w.labCluster(t)
	assert.Empty(t, got.Finalizers)
	assert.Empty(t, got.Spec.ControlPlaneEndpoint)
	assert.Nil(t, w.balancers.spec)
	require.NoError(t, w.client.Delete(t.Context(), got))
	w.clusterPasses(t, 1)
}

func TestFailureDomainsAreReported(t *testing.T) {
	domains := []clusterv1.FailureDomain{{Name: "a", ControlPlane: new(true)}, {Name: "b"}}
	w := newWorld(t, changed(func(o map[string]client.Object) {
		o["labCluster"].(*infrav1.LabCluster).Spec.FailureDomains = domains
		o["machine"].(*clusterv1.Machine).Spec.FailureDomain = "b"
	})...)
	w.clusterPasses(t, 1)
	assert.Equal(t, domains, w.labCluster(t).Status.FailureDomains)
	w.passes(t, 2)
	assert.Equal(t, "b", w.labMachine(t).Status.FailureDomain)
}

func TestOnlyControlPlanesWriteToMemory(t *testing.T) {
	for _, isControlPlane := range []bool{true, false} {
		w := newWorld(t, changed(func(o map[string]client.Object) {
			if isControlPlane {
				o["machine"].(*clusterv1.Machine).Labels[clusterv1.MachineControlPlaneLabel] = ""
			}
		})...)
		w.passes(t, 2)
		assert.Equal(t, isControlPlane, w.host.controlPlane)
	}
}

func TestMachinesWakeTheirLabCluster(t *testing.T) {
	w := newBalancedWorld(t)
	r := &ClusterReconciler{Client: w.client}
	machine := controller("demo-0")
	assert.Equal(t, []ctrl.Request{{NamespacedName: clusterKey()}}, r.ofMachine(t.Context(), machine))

	machine.Labels[clusterv1.ClusterNameLabel] = "none"
	assert.Empty(t, r.ofMachine(t.Context(), machine))
	assert.Empty(t, r.ofMachine(t.Context(), w.labMachine(t)), "a worker")
}

// newBalancedWorld is one whose LabCluster wishes for a load balancer.
func newBalancedWorld(t *testing.T, machines ...client.Object) *world {
	t.Helper()
	return newWorld(t, append(changed(func(o map[string]client.Object) {
		o["labCluster"].(*infrav1.LabCluster).Spec.LoadBalancer = &infrav1.LabLoadBalancer{Ports: []int32{6443, 8132}}
		o["cluster"].(*clusterv1.Cluster).Spec.InfrastructureRef = clusterv1.ContractVersionedObjectReference{
			APIGroup: infrav1.GroupVersion.Group, Kind: "LabCluster", Name: "demo",
		}
	}), machines...)...)
}

// controller is a machine of the control plane with these addresses.
func controller(name string, addresses ...string) *infrav1.LabMachine {
	machine := &infrav1.LabMachine{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: name,
		Labels: map[string]string{clusterv1.ClusterNameLabel: "demo", clusterv1.MachineControlPlaneLabel: ""},
	}}
	for _, address := range addresses {
		machine.Status.Addresses = append(machine.Status.Addresses,
			clusterv1.MachineAddress{Type: clusterv1.MachineHostName, Address: name},
			clusterv1.MachineAddress{Type: clusterv1.MachineInternalIP, Address: address})
	}
	return machine
}

func clusterKey() client.ObjectKey { return client.ObjectKey{Namespace: namespace, Name: "demo"} }

func (w *world) clusterPass(t *testing.T) (ctrl.Result, error) {
	t.Helper()
	r := &ClusterReconciler{Client: w.client, Host: w.balancers}
	return r.Reconcile(t.Context(), ctrl.Request{NamespacedName: clusterKey()})
}

func (w *world) clusterPasses(t *testing.T, n int) {
	t.Helper()
	for range n {
		_, err := w.clusterPass(t)
		require.NoError(t, err)
	}
}

func (w *world) labCluster(t *testing.T) *infrav1.LabCluster {
	t.Helper()
	labCluster := &infrav1.LabCluster{}
	require.NoError(t, w.client.Get(t.Context(), clusterKey(), labCluster))
	return labCluster
}
