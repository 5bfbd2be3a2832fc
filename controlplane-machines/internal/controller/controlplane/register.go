// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/cluster-api/util/predicates"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// What the manager may do, and what for.
//
// Its own kinds:
// +kubebuilder:rbac:groups=controlplane.cluster.x-k8s.io,resources=k0scontrolplanes,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=controlplane.cluster.x-k8s.io,resources=k0scontrolplanes/status,verbs=patch
// +kubebuilder:rbac:groups=controlplane.cluster.x-k8s.io,resources=k0scontrolplanes/finalizers,verbs=update
// The contract with Cluster API; MachinePools are only waited for at a deletion:
// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=clusters,verbs=get;list;watch
// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=machines,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=machines/status,verbs=patch
// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=machinepools,verbs=list
// What a Machine is made of; the kinds of infrastructure are not known before:
// +kubebuilder:rbac:groups=bootstrap.cluster.x-k8s.io,resources=k0scontrollerconfigs,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=infrastructure.cluster.x-k8s.io,resources=*,verbs=get;list;watch;create;patch;delete
// Which kinds are served, in which version, and whose they are:
// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,verbs=get;list;watch
// CAs are created, the kubeconfig and how to join are applied, and the records of join tokens are read:
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;patch
// Metrics for those who may read them:
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// Kind is the lower-case kind that this controller reconciles, as flags and logs name it.
const Kind = "k0scontrolplane"

// kindName is the kind as objects and references name it.
const kindName = "K0sControlPlane"

// Connections tells when workload clusters are connected, and lets events of them arrive.
type Connections interface {
	// GetClusterSource returns a source of events about connections.
	GetClusterSource(
		controllerName string, mapFunc func(ctx context.Context, cluster client.Object) []ctrl.Request,
		opts ...clustercache.GetClusterSourceOption,
	) source.Source
	// Watch lets a controller see events of a workload cluster.
	Watch(ctx context.Context, cluster client.ObjectKey, watcher clustercache.Watcher) error
}

// SetupWithManager registers the controller and its watches. Everything it waits for wakes it, but the leases of
// controllers: they change every few seconds, and are read when it is time to.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, connections Connections, options controller.Options) error {
	log := mgr.GetLogger().WithValues("controller", Kind)
	built, err := ctrl.NewControllerManagedBy(mgr).
		Named(Kind).
		For(&controlplanev1.K0sControlPlane{},
			builder.WithPredicates(predicates.ResourceHasFilterLabel(mgr.GetScheme(), log, r.WatchFilter))).
		Owns(&clusterv1.Machine{}).
		Watches(&clusterv1.Machine{}, handler.EnqueueRequestsFromMapFunc(r.forWorker),
			builder.WithPredicates(onlyDeletions())).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.forSecret)).
		Watches(&clusterv1.Cluster{}, handler.EnqueueRequestsFromMapFunc(forCluster)).
		WatchesMetadata(definition(""), handler.EnqueueRequestsFromMapFunc(r.forDefinition)).
		WatchesRawSource(connections.GetClusterSource(Kind, forCluster)).
		WithOptions(options).
		Build(r)
	if err != nil {
		return fmt.Errorf("building controller %s: %w", Kind, err)
	}
	r.Watcher = newWatcher(mgr, built, connections, r)
	return nil
}

// forCluster finds the control plane of a Cluster: pause, infrastructure and the endpoint come from there.
func forCluster(_ context.Context, object client.Object) []reconcile.Request {
	cluster, ok := object.(*clusterv1.Cluster)
	if !ok {
		return nil
	}
	ref := cluster.Spec.ControlPlaneRef
	if ref.Kind != kindName || ref.APIGroup != controlplanev1.GroupVersion.Group {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: cluster.Namespace, Name: ref.Name}}}
}

// forWorker finds the control plane that waits for a worker to go.
func (r *Reconciler) forWorker(ctx context.Context, object client.Object) []reconcile.Request {
	name := object.GetLabels()[clusterv1.ClusterNameLabel]
	return r.requests(ctx, object.GetNamespace(), func(controlPlane *controlplanev1.K0sControlPlane) bool {
		return controlPlane.Labels[clusterv1.ClusterNameLabel] == name && !controlPlane.DeletionTimestamp.IsZero()
	})
}

// forSecret finds the control planes that own a Secret, or whose certificates it may hold.
func (r *Reconciler) forSecret(ctx context.Context, object client.Object) []reconcile.Request {
	cluster := object.GetLabels()[clusterv1.ClusterNameLabel]
	supplied := isCertificate(cluster, object.GetName())
	return r.requests(ctx, object.GetNamespace(), func(controlPlane *controlplanev1.K0sControlPlane) bool {
		return metav1.IsControlledBy(object, controlPlane) ||
			supplied && controlPlane.Labels[clusterv1.ClusterNameLabel] == cluster
	})
}

// forDefinition finds everybody when the bootstrap provider appears, changes or goes.
func (r *Reconciler) forDefinition(ctx context.Context, object client.Object) []reconcile.Request {
	if object.GetName() != configCRD {
		return nil
	}
	return r.requests(ctx, metav1.NamespaceAll, func(*controlplanev1.K0sControlPlane) bool { return true })
}

// forOwned finds the control plane that an object bears the name of.
func (r *Reconciler) forOwned(ctx context.Context, object client.Object) []reconcile.Request {
	name, labelled := object.GetLabels()[clusterv1.MachineControlPlaneNameLabel]
	if !labelled {
		return nil
	}
	return r.requests(ctx, object.GetNamespace(), func(controlPlane *controlplanev1.K0sControlPlane) bool {
		return contract.MachineNameValue(controlPlane.Name) == name
	})
}

func (r *Reconciler) requests(
	ctx context.Context, namespace string, wanted func(*controlplanev1.K0sControlPlane) bool,
) []reconcile.Request {
	controlPlanes := &controlplanev1.K0sControlPlaneList{}
	err := r.Client.List(ctx, controlPlanes, client.InNamespace(namespace), client.UnsafeDisableDeepCopy)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing control planes for an event")
		return nil
	}
	var requests []reconcile.Request
	for i := range controlPlanes.Items {
		if wanted(&controlPlanes.Items[i]) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&controlPlanes.Items[i])})
		}
	}
	return requests
}

// onlyDeletions lets only the end of an object through: a deletion waits for workers to be gone, nothing else about them
// matters.
func onlyDeletions() predicate.Predicate {
	none := predicate.NewPredicateFuncs(func(client.Object) bool { return false })
	none.DeleteFunc = func(event.DeleteEvent) bool { return true }
	return none
}
