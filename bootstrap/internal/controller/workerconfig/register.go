// SPDX-License-Identifier: Apache-2.0

package workerconfig

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
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
	"sigs.k8s.io/controller-runtime/pkg/source"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/filesource"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// Kind is the kind that the controller serves.
const Kind = "K0sWorkerConfig"

// Connections tells when workload clusters are connected.
type Connections interface {
	// GetClusterSource returns a source of events about connections.
	GetClusterSource(
		controllerName string, mapFunc func(ctx context.Context, cluster client.Object) []ctrl.Request,
		opts ...clustercache.GetClusterSourceOption,
	) source.Source
}

// Secrets are read and written in every namespace, because bootstrap data, tokens, join information and the sources of
// files are Secrets beside the user's Machines. The manager caches those with a cluster's name only.
//
// +kubebuilder:rbac:groups=bootstrap.cluster.x-k8s.io,resources=k0sworkerconfigs,verbs=get;list;watch
// +kubebuilder:rbac:groups=bootstrap.cluster.x-k8s.io,resources=k0sworkerconfigs/status,verbs=patch
// +kubebuilder:rbac:groups=bootstrap.cluster.x-k8s.io,resources=k0sworkerconfigs/finalizers,verbs=update
// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=clusters;machines,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch

// SetupWithManager starts the controller. Besides configs it watches what they wait for: Machines, Clusters, Secrets
// and ConfigMaps with a cluster's name, and the connections to workload clusters.
func (r *Reconciler) SetupWithManager(
	ctx context.Context, mgr ctrl.Manager, connections Connections, options controller.Options,
) error {
	const name = "k0sworkerconfig"
	if err := mgr.GetFieldIndexer().IndexField(ctx, &bootstrapv1.K0sWorkerConfig{}, wakers, wakersOf); err != nil {
		return fmt.Errorf("indexing configs: %w", err)
	}
	err := ctrl.NewControllerManagedBy(mgr).
		Named(name).
		For(&bootstrapv1.K0sWorkerConfig{}, builder.WithPredicates(
			predicates.ResourceHasFilterLabel(mgr.GetScheme(), mgr.GetLogger(), r.WatchFilter),
			predicate.Or(predicate.GenerationChangedPredicate{}, metadataChanged()),
		)).
		Owns(&corev1.Secret{}).
		Watches(&clusterv1.Machine{}, handler.EnqueueRequestsFromMapFunc(configOfMachine)).
		Watches(&clusterv1.Cluster{}, handler.EnqueueRequestsFromMapFunc(r.configsWokenBy("Cluster")),
			builder.WithPredicates(clusterMoved())).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.configsWokenBy("Secret"))).
		Watches(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(r.configsWokenBy("ConfigMap"))).
		WatchesRawSource(connections.GetClusterSource(name, r.configsWokenBy("Cluster"))).
		WithOptions(options).
		Complete(r)
	if err != nil {
		return fmt.Errorf("setting up controller %s: %w", name, err)
	}
	return nil
}

// metadataChanged lets through what may change without a new generation: the annotation that pauses, the owner, and the
// labels, which name the Cluster and the manager.
func metadataChanged() predicate.Funcs {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld, e.ObjectNew
		return hasPaused(before) != hasPaused(after) || !maps.Equal(before.GetLabels(), after.GetLabels()) ||
			!equality.Semantic.DeepEqual(before.GetOwnerReferences(), after.GetOwnerReferences())
	}}
}

func hasPaused(object client.Object) bool {
	_, paused := object.GetAnnotations()[clusterv1.PausedAnnotation]
	return paused
}

// clusterMoved spares the many updates of a Cluster's status that change nothing for a joining machine.
func clusterMoved() predicate.Funcs {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(*clusterv1.Cluster)
		after, okAfter := e.ObjectNew.(*clusterv1.Cluster)
		return okBefore && okAfter && facts(before) != facts(after)
	}}
}

// clusterFacts are what a config waits for.
type clusterFacts struct {
	paused, provisioned, initialized bool
	endpoint                         clusterv1.APIEndpoint
}

func facts(cluster *clusterv1.Cluster) clusterFacts {
	return clusterFacts{
		paused:      cluster.Spec.Paused != nil && *cluster.Spec.Paused,
		provisioned: contract.InfrastructureProvisioned(cluster),
		initialized: contract.ControlPlaneInitialized(cluster),
		endpoint:    cluster.Spec.ControlPlaneEndpoint,
	}
}

func configOfMachine(_ context.Context, object client.Object) []ctrl.Request {
	machine, ok := object.(*clusterv1.Machine)
	if !ok {
		return nil
	}
	ref := machine.Spec.Bootstrap.ConfigRef
	if ref.Kind != Kind || ref.APIGroup != bootstrapv1.GroupVersion.Group {
		return nil
	}
	return []ctrl.Request{{NamespacedName: client.ObjectKey{Namespace: machine.Namespace, Name: ref.Name}}}
}

// wakers is the index by which an object finds the configs that its events matter to.
const wakers = "wakers"

// wakersOf are the values of the index. A config with bootstrap data follows its Cluster alone; the others also wait for
// what the data is made of: how to join, by which CA, and the sources of files.
func wakersOf(object client.Object) []string {
	config, ok := object.(*bootstrapv1.K0sWorkerConfig)
	if !ok {
		return nil
	}
	cluster := config.Labels[clusterv1.ClusterNameLabel]
	values := []string{waker("Cluster", cluster)}
	if config.Status.DataSecretName != "" {
		return values
	}
	for _, name := range append(filesource.Secrets(config.Spec.Files),
		contract.JoinInfoName(cluster), contract.CAName(cluster)) {
		values = append(values, waker("Secret", name))
	}
	for _, name := range filesource.ConfigMaps(config.Spec.Files) {
		values = append(values, waker("ConfigMap", name))
	}
	return values
}

func waker(kind, name string) string { return kind + "/" + name }

// configsWokenBy finds the configs that an event of an object of the kind matters to.
func (r *Reconciler) configsWokenBy(kind string) handler.MapFunc {
	return func(ctx context.Context, object client.Object) []ctrl.Request {
		list := &bootstrapv1.K0sWorkerConfigList{}
		err := r.Client.List(ctx, list, client.InNamespace(object.GetNamespace()),
			client.MatchingFields{wakers: waker(kind, object.GetName())})
		if err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Listing configs", kind, client.ObjectKeyFromObject(object))
			return nil
		}
		requests := make([]ctrl.Request, 0, len(list.Items))
		for i := range list.Items {
			requests = append(requests, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
		return requests
	}
}
