// SPDX-License-Identifier: Apache-2.0

package machineconfig

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/cluster-api/util/predicates"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/filesource"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// Connections tells when workload clusters are connected.
type Connections interface {
	// GetClusterSource returns a source of events about connections.
	GetClusterSource(
		controllerName string, mapFunc func(ctx context.Context, cluster client.Object) []ctrl.Request,
		opts ...clustercache.GetClusterSourceOption,
	) source.Source
}

// Watches are the events that wake the configs of one kind.
type Watches struct {
	// Kind is the kind.
	Kind string
	// Controller is the name of its controller, of its metrics and of its watches.
	Controller string
	// Object is an empty config.
	Object client.Object
	// NewList returns an empty list of configs.
	NewList func() client.ObjectList
	// WakersOf are the values by which the objects that wake a config find it: see Waker.
	WakersOf client.IndexerFunc
	// Reader lists configs from the cache.
	Reader client.Reader
	// WatchFilter limits the controller to configs with this value of the label cluster.x-k8s.io/watch-filter.
	WatchFilter string
}

// WakersIndex is the index by which an object finds the configs that its events matter to.
const WakersIndex = "wakers"

// Waker is the value of the index for an object that wakes a config, beside it in the namespace.
func Waker(kind, name string) string { return kind + "/" + name }

// FileWakers are the sources of files.
func FileWakers(files []bootstrapv1.File) []string {
	var values []string
	for _, name := range filesource.Secrets(files) {
		values = append(values, Waker("Secret", name))
	}
	for _, name := range filesource.ConfigMaps(files) {
		values = append(values, Waker("ConfigMap", name))
	}
	return values
}

// Builder is a controller with the watches of all kinds: its configs and Secrets, their Machines, Clusters, Secrets and
// ConfigMaps with a cluster's name, and the connections to workload clusters.
func (w Watches) Builder(ctx context.Context, mgr ctrl.Manager, connections Connections) (*builder.Builder, error) {
	if err := mgr.GetFieldIndexer().IndexField(ctx, w.Object, WakersIndex, w.WakersOf); err != nil {
		return nil, fmt.Errorf("indexing configs: %w", err)
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named(w.Controller).
		For(w.Object, builder.WithPredicates(
			predicates.ResourceHasFilterLabel(mgr.GetScheme(), mgr.GetLogger(), w.WatchFilter),
			predicate.Or(predicate.GenerationChangedPredicate{}, metadataChanged()),
		)).
		Owns(&corev1.Secret{}).
		Watches(&clusterv1.Machine{}, handler.EnqueueRequestsFromMapFunc(w.ConfigOfMachine)).
		Watches(&clusterv1.Cluster{}, handler.EnqueueRequestsFromMapFunc(w.WokenBy("Cluster")),
			builder.WithPredicates(clusterMoved())).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(w.WokenBy("Secret"))).
		Watches(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(w.WokenBy("ConfigMap"))).
		WatchesRawSource(connections.GetClusterSource(w.Controller, w.WokenBy("Cluster"))), nil
}

// ConfigOfMachine finds the config that the Machine refers to.
func (w Watches) ConfigOfMachine(_ context.Context, object client.Object) []ctrl.Request {
	machine, ok := object.(*clusterv1.Machine)
	if !ok {
		return nil
	}
	ref := machine.Spec.Bootstrap.ConfigRef
	if ref.Kind != w.Kind || ref.APIGroup != bootstrapv1.GroupVersion.Group {
		return nil
	}
	return []ctrl.Request{{NamespacedName: client.ObjectKey{Namespace: machine.Namespace, Name: ref.Name}}}
}

// WokenBy finds the configs that an event of an object of the kind matters to.
func (w Watches) WokenBy(kind string) handler.MapFunc {
	return func(ctx context.Context, object client.Object) []ctrl.Request {
		return w.Configs(ctx, object.GetNamespace(), Waker(kind, object.GetName()))
	}
}

// Configs finds the configs with a value of the index.
func (w Watches) Configs(ctx context.Context, namespace, waker string) []ctrl.Request {
	list := w.NewList()
	err := w.Reader.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{WakersIndex: waker})
	var requests []ctrl.Request
	if err == nil {
		err = meta.EachListItem(list, func(item runtime.Object) error {
			config, err := meta.Accessor(item)
			if err == nil {
				key := client.ObjectKey{Namespace: config.GetNamespace(), Name: config.GetName()}
				requests = append(requests, ctrl.Request{NamespacedName: key})
			}
			return err
		})
	}
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing configs", "kind", w.Kind, "namespace", namespace, "wokenBy", waker)
		return nil
	}
	return requests
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
