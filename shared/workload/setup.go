// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// CacheOptions are the options of the ClusterCache of one manager.
type CacheOptions struct {
	// UserAgent names the manager to workload API servers.
	UserAgent string
	// WatchFilter limits the ClusterCache to Clusters with this value of the label cluster.x-k8s.io/watch-filter.
	WatchFilter string
	// QPS and Burst limit the requests to one workload API server; 0 means ClusterCache's defaults.
	QPS float32
	// Burst is the number of requests allowed at once.
	Burst int
	// Concurrency is the number of clusters connected at the same time; 0 means 10.
	Concurrency int
}

// SetupClusterCache adds a ClusterCache to the manager. It reads kubeconfig Secrets from the manager's cache, drops
// managedFields, and never caches Secrets and ConfigMaps of workload clusters.
func SetupClusterCache(
	ctx context.Context, mgr ctrl.Manager, options CacheOptions,
) (clustercache.ClusterCache, error) {
	if options.Concurrency == 0 {
		options.Concurrency = 10
	}
	clusterCache, err := clustercache.SetupWithManager(ctx, mgr, clustercache.Options{
		SecretClient:     mgr.GetClient(),
		WatchFilterValue: options.WatchFilter,
		Cache:            clustercache.CacheOptions{DefaultTransform: cache.TransformStripManagedFields()},
		Client: clustercache.ClientOptions{
			QPS:       options.QPS,
			Burst:     options.Burst,
			UserAgent: options.UserAgent,
			Cache: clustercache.ClientCacheOptions{
				DisableFor: []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}},
			},
		},
	}, controller.Options{MaxConcurrentReconciles: options.Concurrency})
	if err != nil {
		return nil, fmt.Errorf("setting up the cluster cache: %w", err)
	}
	if err := mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		<-ctx.Done()
		disconnect(clusterCache)
		return nil
	})); err != nil {
		return nil, fmt.Errorf("adding the end of the cluster cache: %w", err)
	}
	return clusterCache, nil
}

// disconnect ends the connections to workload clusters, which do not end with the manager's context: an API server that
// shuts down would wait for them.
func disconnect(clusterCache clustercache.ClusterCache) {
	if connected, ok := clusterCache.(interface{ Shutdown() }); ok {
		connected.Shutdown()
	}
}
