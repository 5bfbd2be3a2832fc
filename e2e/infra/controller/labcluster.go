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
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	infrav1 "github.com/k0smotron/k0smotron/e2e/infra/api/v1beta2"
	"github.com/k0smotron/k0smotron/e2e/lab/balancer"
)

// Balancers is the host, as far as load balancers are concerned.
type Balancers interface {
	EnsureBalancer(ctx context.Context, spec balancer.Spec) (balancer.State, error)
	RemoveBalancer(ctx context.Context, name string) error
}

// ClusterReconciler reconciles LabClusters.
type ClusterReconciler struct {
	Client client.Client
	Host   Balancers
}

// SetupWithManager makes mgr call the reconciler for LabClusters and whenever their Cluster or one of its machines changes.
func (r *ClusterReconciler) SetupWithManager(ctx context.Context, mgr ctrl.Manager) error {
	toLabCluster := util.ClusterToInfrastructureMapFunc(
		ctx, infrav1.GroupVersion.WithKind("LabCluster"), mgr.GetClient(), &infrav1.LabCluster{})
	err := ctrl.NewControllerManagedBy(mgr).
		For(&infrav1.LabCluster{}).
		Watches(&clusterv1.Cluster{}, handler.EnqueueRequestsFromMapFunc(toLabCluster)).
		Watches(&infrav1.LabMachine{}, handler.EnqueueRequestsFromMapFunc(r.ofMachine)).
		Complete(r)
	if err != nil {
		return fmt.Errorf("setting up the controller of LabClusters: %w", err)
	}
	return nil
}

// clusterScope is what one pass knows.
type clusterScope struct {
	labCluster *infrav1.LabCluster
	cluster    *clusterv1.Cluster
}

// Reconcile brings the infrastructure of one cluster closer to being there, or being gone.
//
//  1. gather: the LabCluster and its Cluster; a paused one is left alone
//  2. act: remove the load balancer, or make it and give it the machines that there are
//  3. report: one patch, also after an error
func (r *ClusterReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	s, err := r.gather(ctx, request)
	if err != nil || s == nil || s.isPaused() {
		return ctrl.Result{}, err
	}
	patcher, err := patch.NewHelper(s.labCluster, r.Client)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("preparing the status: %w", err)
	}
	result, err := r.act(ctx, s)
	if err != nil {
		markNotReady(s.labCluster, infrav1.HostErrorReason, err.Error())
	}
	return result, join(err, patcher.Patch(ctx, s.labCluster))
}

// gather returns nil if there is no such LabCluster.
func (r *ClusterReconciler) gather(ctx context.Context, request ctrl.Request) (*clusterScope, error) {
	s := &clusterScope{labCluster: &infrav1.LabCluster{}}
	if err := r.Client.Get(ctx, request.NamespacedName, s.labCluster); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	var err error
	s.cluster, err = util.GetOwnerCluster(ctx, r.Client, s.labCluster.ObjectMeta)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("getting the Cluster: %w", err)
	}
	return s, nil
}

func (s *clusterScope) isPaused() bool {
	return s.cluster != nil && annotations.IsPaused(s.cluster, s.labCluster)
}

func (r *ClusterReconciler) act(ctx context.Context, s *clusterScope) (ctrl.Result, error) {
	if !s.labCluster.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.remove(ctx, s.labCluster)
	}
	s.labCluster.Status.FailureDomains = s.labCluster.Spec.FailureDomains
	if s.labCluster.Spec.LoadBalancer == nil {
		reportCluster(s.labCluster, s.cluster)
		return ctrl.Result{}, nil
	}
	if controllerutil.AddFinalizer(s.labCluster, infrav1.ClusterFinalizer) {
		return ctrl.Result{}, nil // it is stored before there is anything to remove; the change brings the next pass
	}
	if s.cluster == nil {
		reportCluster(s.labCluster, s.cluster)
		return ctrl.Result{}, nil
	}
	return ctrl.Result{RequeueAfter: lookAfter}, r.balance(ctx, s)
}

// reportCluster decides the status of a LabCluster without an endpoint of its own. What has been provisioned once stays so.
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
