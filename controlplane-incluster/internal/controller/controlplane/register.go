// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/predicates"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/pki"
)

// What the manager may do, and what for.
//
// Its own kinds:
// +kubebuilder:rbac:groups=controlplane.cluster.x-k8s.io,resources=k0smotroncontrolplanes,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=controlplane.cluster.x-k8s.io,resources=k0smotroncontrolplanes/status,verbs=patch
// +kubebuilder:rbac:groups=controlplane.cluster.x-k8s.io,resources=k0smotroncontrolplanes/finalizers,verbs=update
// The contract with Cluster API; Machines and MachinePools are only waited for at a deletion:
// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=clusters;machines,verbs=get;list;watch
// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=machinepools,verbs=list
// Children, written by server-side apply; the CAs alone are created, and only StatefulSets are deleted by hand:
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups="",resources=services,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=apps,resources=statefulsets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch
// Volumes belong to nobody once their StatefulSet is gone:
// +kubebuilder:rbac:groups="",resources=persistentvolumeclaims,verbs=list;delete
// Why a pod does not start, and which release runs:
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch
// Addresses for control planes of type NodePort:
// +kubebuilder:rbac:groups="",resources=nodes,verbs=get;list;watch
// Are the kinds ours:
// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,verbs=get
// Metrics for those who may read them:
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// Kind is the lower-case kind that this controller reconciles, as flags and logs name it.
const Kind = "k0smotroncontrolplane"

// kindName is the kind as objects and references name it.
const kindName = "K0smotronControlPlane"

// SetupWithManager registers the controller and its watches. Everything it waits for wakes it: nothing is polled while
// a control plane is at rest.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	log := mgr.GetLogger().WithValues("controller", Kind)
	machine := &metav1.PartialObjectMetadata{}
	machine.SetGroupVersionKind(clusterv1.GroupVersion.WithKind("Machine"))
	built, err := ctrl.NewControllerManagedBy(mgr).
		Named(Kind).
		For(&controlplanev1.K0smotronControlPlane{},
			builder.WithPredicates(predicates.ResourceHasFilterLabel(mgr.GetScheme(), log, r.WatchFilter))).
		Owns(&appsv1.StatefulSet{}).
		Owns(&corev1.Service{}).
		Owns(&policyv1.PodDisruptionBudget{}).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.forSecret)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(r.forClusterLabel)).
		Watches(&clusterv1.Cluster{}, handler.EnqueueRequestsFromMapFunc(forCluster)).
		WatchesMetadata(machine, handler.EnqueueRequestsFromMapFunc(r.forClusterLabel), builder.WithPredicates(onlyDeletions())).
		WithOptions(options).
		Build(r)
	if err != nil {
		return fmt.Errorf("building controller %s: %w", Kind, err)
	}
	r.Nodes = &nodeWatcher{cache: mgr.GetCache(), controller: built, reconciler: r}
	return nil
}

// forCluster finds the control plane of a Cluster: pause, ranges and the endpoint come from there, and work begins when
// the Cluster appears.
func forCluster(_ context.Context, object client.Object) []reconcile.Request {
	cluster, ok := object.(*clusterv1.Cluster)
	if !ok {
		return nil
	}
	name := controlPlaneOf(cluster)
	if name == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: cluster.Namespace, Name: name}}}
}

// forClusterLabel finds the control planes of the Cluster that an object is labelled with.
func (r *Reconciler) forClusterLabel(ctx context.Context, object client.Object) []reconcile.Request {
	name := object.GetLabels()[clusterv1.ClusterNameLabel]
	if name == "" {
		return nil
	}
	return r.requests(ctx, object.GetNamespace(), func(controlPlane *controlplanev1.K0smotronControlPlane) bool {
		return controlPlane.Labels[clusterv1.ClusterNameLabel] == name
	})
}

// forSecret finds the control planes that own a Secret or refer to it. Many Secrets of a Cluster are others' business.
func (r *Reconciler) forSecret(ctx context.Context, object client.Object) []reconcile.Request {
	cluster := object.GetLabels()[clusterv1.ClusterNameLabel]
	purpose := pki.Purpose(strings.TrimPrefix(object.GetName(), cluster+"-"))
	supplied := slices.Contains(pki.Purposes(), purpose)
	return r.requests(ctx, object.GetNamespace(), func(controlPlane *controlplanev1.K0smotronControlPlane) bool {
		return metav1.IsControlledBy(object, controlPlane) ||
			controlPlane.Spec.Storage.Kine.DataSourceSecretName == object.GetName() ||
			(supplied && controlPlane.Labels[clusterv1.ClusterNameLabel] == cluster)
	})
}

func (r *Reconciler) requests(
	ctx context.Context, namespace string, wanted func(*controlplanev1.K0smotronControlPlane) bool,
) []reconcile.Request {
	controlPlanes := &controlplanev1.K0smotronControlPlaneList{}
	if err := r.Client.List(ctx, controlPlanes, client.InNamespace(namespace)); err != nil {
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

// onlyDeletions lets only the end of an object through: a deletion waits for Machines to be gone, nothing else about
// them matters.
func onlyDeletions() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		UpdateFunc:  func(event.UpdateEvent) bool { return false },
		DeleteFunc:  func(event.DeleteEvent) bool { return true },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// nodeWatcher watches nodes from the first control plane of type NodePort on. Most management clusters have none, and
// nodes are large and change often.
type nodeWatcher struct {
	cache      cache.Cache
	controller controller.Controller
	reconciler *Reconciler

	mutex   sync.Mutex
	watches bool
}

// WatchNodes implements NodeWatcher.
func (w *nodeWatcher) WatchNodes() error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.watches {
		return nil
	}
	nodes := source.Kind(w.cache, &corev1.Node{}, handler.TypedEnqueueRequestsFromMapFunc(w.forNode), nodeChanges())
	if err := w.controller.Watch(nodes); err != nil {
		return err
	}
	w.watches = true
	return nil
}

// forNode finds the control planes whose endpoint may be the address of a node.
func (w *nodeWatcher) forNode(ctx context.Context, _ *corev1.Node) []reconcile.Request {
	return w.reconciler.requests(ctx, metav1.NamespaceAll, func(controlPlane *controlplanev1.K0smotronControlPlane) bool {
		return controlPlane.Spec.Service.Type == controlplanev1.ServiceTypeNodePort && controlPlane.Spec.ExternalAddress == ""
	})
}

// nodeChanges lets through what can change an endpoint: addresses and readiness.
func nodeChanges() predicate.TypedPredicate[*corev1.Node] {
	return predicate.TypedFuncs[*corev1.Node]{
		UpdateFunc: func(e event.TypedUpdateEvent[*corev1.Node]) bool {
			return !apiequality.Semantic.DeepEqual(e.ObjectOld.Status.Addresses, e.ObjectNew.Status.Addresses) ||
				readiness(e.ObjectOld) != readiness(e.ObjectNew)
		},
	}
}

func readiness(node *corev1.Node) corev1.ConditionStatus {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status
		}
	}
	return corev1.ConditionUnknown
}
