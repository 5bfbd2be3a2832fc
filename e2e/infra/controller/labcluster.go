// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util"
	"sigs.k8s.io/cluster-api/util/annotations"
	"sigs.k8s.io/cluster-api/util/patch"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	infrav1 "github.com/k0smotron/k0smotron/e2e/infra/api/v1beta2"
)

// ClusterReconciler reconciles LabClusters.
type ClusterReconciler struct {
	Client client.Client
}

// SetupWithManager makes mgr call the reconciler for LabClusters and whenever their Cluster changes.
func (r *ClusterReconciler) SetupWithManager(ctx context.Context, mgr ctrl.Manager) error {
	toLabCluster := util.ClusterToInfrastructureMapFunc(
		ctx, infrav1.GroupVersion.WithKind("LabCluster"), mgr.GetClient(), &infrav1.LabCluster{})
	err := ctrl.NewControllerManagedBy(mgr).
		For(&infrav1.LabCluster{}).
		Watches(&clusterv1.Cluster{}, handler.EnqueueRequestsFromMapFunc(toLabCluster)).
		Complete(r)
	if err != nil {
		return fmt.Errorf("setting up the controller of LabClusters: %w", err)
	}
	return nil
}

// Reconcile reports a LabCluster provisioned once its Cluster has a control plane endpoint.
func (r *ClusterReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	labCluster := &infrav1.LabCluster{}
	if err := r.Client.Get(ctx, request.NamespacedName, labCluster); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	cluster, err := util.GetOwnerCluster(ctx, r.Client, labCluster.ObjectMeta)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("getting the Cluster: %w", err)
	}
	if !labCluster.DeletionTimestamp.IsZero() || (cluster != nil && annotations.IsPaused(cluster, labCluster)) {
		return ctrl.Result{}, nil
	}
	patcher, err := patch.NewHelper(labCluster, r.Client)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("preparing the status: %w", err)
	}
	reportCluster(labCluster, cluster)
	return ctrl.Result{}, patcher.Patch(ctx, labCluster)
}

// reportCluster decides the whole status of a LabCluster. What has been provisioned once stays so.
func reportCluster(labCluster *infrav1.LabCluster, cluster *clusterv1.Cluster) {
	switch {
	case cluster == nil:
		markNotReady(labCluster, infrav1.WaitingForClusterReason, "no Cluster owns this LabCluster yet")
	case !cluster.Spec.ControlPlaneEndpoint.IsValid():
		markNotReady(labCluster, infrav1.WaitingForControlPlaneEndpointReason,
			"waiting for the control plane to set spec.controlPlaneEndpoint of the Cluster")
	default:
		labCluster.Status.Initialization.Provisioned = new(true)
		markReady(labCluster)
	}
}

// join adds the error of a patch to that of what went before it.
func join(err, patchErr error) error {
	if patchErr != nil {
		patchErr = fmt.Errorf("writing the status: %w", patchErr)
	}
	return errors.Join(err, patchErr)
}
