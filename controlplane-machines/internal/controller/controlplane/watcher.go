// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-logr/logr"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/cluster-api/controllers/external"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/pki"
)

// watcher implements Watcher on a running controller.
type watcher struct {
	cache       cache.Cache
	controller  controller.Controller
	connections Connections
	reconciler  *Reconciler
	tracker     *external.ObjectTracker
	logger      logr.Logger

	mutex   sync.Mutex
	configs bool
}

func newWatcher(mgr ctrl.Manager, built controller.Controller, connections Connections, r *Reconciler) *watcher {
	w := &watcher{
		cache: mgr.GetCache(), controller: built, connections: connections, reconciler: r, logger: mgr.GetLogger(),
	}
	w.tracker = &external.ObjectTracker{
		Controller: built, Cache: mgr.GetCache(), Scheme: mgr.GetScheme(), PredicateLogger: &w.logger,
	}
	return w
}

// WatchConfigs implements Watcher.
func (w *watcher) WatchConfigs() error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.configs {
		return nil
	}
	err := w.controller.Watch(source.Kind(w.cache, &bootstrapv1.K0sControllerConfig{},
		handler.TypedEnqueueRequestsFromMapFunc(w.forConfig)))
	if err != nil {
		return fmt.Errorf("watching: %w", err)
	}
	w.configs = true
	return nil
}

func (w *watcher) forConfig(ctx context.Context, config *bootstrapv1.K0sControllerConfig) []reconcile.Request {
	return w.reconciler.forOwned(ctx, config)
}

// WatchInfrastructure implements Watcher.
func (w *watcher) WatchInfrastructure(_ context.Context, object *unstructured.Unstructured) error {
	err := w.tracker.Watch(w.logger, object, handler.EnqueueRequestsFromMapFunc(w.reconciler.forOwned))
	if err != nil {
		return fmt.Errorf("watching: %w", err)
	}
	return nil
}

// WatchWorkload implements Watcher.
func (w *watcher) WatchWorkload(ctx context.Context, cluster client.ObjectKey, kind *unstructured.Unstructured) error {
	find := func(ctx context.Context, _ client.Object) []reconcile.Request {
		object := &clusterv1.Cluster{}
		if err := w.reconciler.Client.Get(ctx, cluster, object); err != nil {
			return nil
		}
		return forCluster(ctx, object)
	}
	err := w.connections.Watch(ctx, cluster, clustercache.NewWatcher(clustercache.WatcherOptions{
		Name:         Kind + "-" + strings.ToLower(kind.GetKind()),
		Watcher:      w.controller,
		Kind:         kind,
		EventHandler: handler.EnqueueRequestsFromMapFunc(find),
		Predicates:   []predicate.TypedPredicate[client.Object]{contentChanged()},
	}))
	if err != nil {
		return fmt.Errorf("watching %ss of the workload cluster: %w", kind.GetKind(), err)
	}
	return nil
}

// contentChanged spares the resyncs of a cache.
func contentChanged() predicate.Funcs {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(*unstructured.Unstructured)
		after, okAfter := e.ObjectNew.(*unstructured.Unstructured)
		return !okBefore || !okAfter || !apiequality.Semantic.DeepEqual(told(before), told(after))
	}}
}

// told is what k0s says in an object.
func told(object *unstructured.Unstructured) []any {
	return []any{object.Object["spec"], object.Object["status"], object.GetLabels(), object.GetDeletionTimestamp()}
}

// isCertificate tells whether a Secret of that name holds certificates of the Cluster.
func isCertificate(cluster, name string) bool {
	purpose, of := strings.CutPrefix(name, cluster+"-")
	return of && slices.Contains(pki.Purposes(), pki.Purpose(purpose))
}
