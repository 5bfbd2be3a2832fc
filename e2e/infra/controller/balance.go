// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	infrav1 "github.com/k0smotron/k0smotron/e2e/infra/api/v1beta2"
	"github.com/k0smotron/k0smotron/e2e/lab/balancer"
)

// balance gives the cluster a load balancer in front of the machines that it has now. Which of them answer the load
// balancer finds out by itself.
func (r *ClusterReconciler) balance(ctx context.Context, s *clusterScope) error {
	machines := &infrav1.LabMachineList{}
	if err := r.Client.List(ctx, machines, client.InNamespace(s.cluster.Namespace), client.HasLabels{
		clusterv1.MachineControlPlaneLabel,
	}, client.MatchingLabels{clusterv1.ClusterNameLabel: s.cluster.Name}); err != nil {
		return fmt.Errorf("listing the machines of the control plane: %w", err)
	}
	spec := balancer.Spec{Name: balancerName(s.labCluster), Backends: backends(machines.Items)}
	for _, port := range s.labCluster.Spec.LoadBalancer.Ports {
		spec.Ports = append(spec.Ports, uint16(port))
	}
	state, err := r.Host.EnsureBalancer(ctx, spec)
	if err != nil {
		return fmt.Errorf("making the load balancer: %w", err)
	}
	s.labCluster.Spec.ControlPlaneEndpoint = clusterv1.APIEndpoint{
		Host: state.Address.String(), Port: s.labCluster.Spec.LoadBalancer.Ports[0],
	}
	s.labCluster.Status.Initialization.Provisioned = new(true)
	markReady(s.labCluster)
	return nil
}

// balancerName is no other object's: a namespace has no dot in its name.
func balancerName(labCluster *infrav1.LabCluster) string {
	return labCluster.Namespace + "." + labCluster.Name
}

// backends are the addresses of machines that are not being destroyed, in order.
func backends(machines []infrav1.LabMachine) []netip.Addr {
	var addresses []netip.Addr
	for i := range machines {
		if !machines[i].DeletionTimestamp.IsZero() {
			continue
		}
		for _, address := range machines[i].Status.Addresses {
			parsed, err := netip.ParseAddr(address.Address)
			if address.Type == clusterv1.MachineInternalIP && err == nil {
				addresses = append(addresses, parsed)
			}
		}
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	return addresses
}

// remove takes the load balancer away.
func (r *ClusterReconciler) remove(ctx context.Context, labCluster *infrav1.LabCluster) error {
	if !controllerutil.ContainsFinalizer(labCluster, infrav1.ClusterFinalizer) {
		return nil
	}
	markNotReady(labCluster, infrav1.DeletingReason, "removing the load balancer")
	if err := r.Host.RemoveBalancer(ctx, balancerName(labCluster)); err != nil {
		return fmt.Errorf("removing the load balancer: %w", err)
	}
	controllerutil.RemoveFinalizer(labCluster, infrav1.ClusterFinalizer)
	return nil
}

// ofMachine finds the LabCluster behind a LabMachine of a control plane.
func (r *ClusterReconciler) ofMachine(ctx context.Context, object client.Object) []ctrl.Request {
	labels := object.GetLabels()
	name := labels[clusterv1.ClusterNameLabel]
	if _, controls := labels[clusterv1.MachineControlPlaneLabel]; !controls || name == "" {
		return nil
	}
	cluster, err := util.GetClusterByName(ctx, r.Client, object.GetNamespace(), name)
	if err != nil || cluster.Spec.InfrastructureRef.Kind != "LabCluster" {
		return nil // It is looked at again after a while.
	}
	key := client.ObjectKey{Namespace: cluster.Namespace, Name: cluster.Spec.InfrastructureRef.Name}
	return []ctrl.Request{{NamespacedName: key}}
}
