// SPDX-License-Identifier: Apache-2.0

// Package workload gives controllers access to the API servers of workload clusters: through Cluster API's ClusterCache
// once core has connected, and directly, with a kubeconfig we signed, for control planes we host ourselves.
package workload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/phase"
)

// NotConnected is the reason of a wait for the connection to a workload cluster.
const NotConnected = "WorkloadClusterNotConnected"

// reconnectDelay is how long a pass waits for a connection. A controller that also watches the ClusterCache's source
// is woken earlier.
const reconnectDelay = 30 * time.Second

// Clusters gives access to workload clusters by the key of their Cluster. Every method answers with a *phase.WaitError
// while the cluster is not connected.
type Clusters interface {
	// Client reads from a cache and writes live. Secrets and ConfigMaps are read live.
	Client(ctx context.Context, cluster client.ObjectKey) (client.Client, error)
	// Live reads and writes without a cache.
	Live(ctx context.Context, cluster client.ObjectKey) (client.Client, error)
	// Watch lets a controller see events of the workload cluster. It is repeated in every pass: after a reconnect the
	// watch has to be set up again, and a watch that exists costs nothing.
	Watch(ctx context.Context, cluster client.ObjectKey, watcher clustercache.Watcher) error
}

// Cached is the access through a ClusterCache.
type Cached struct {
	cache clustercache.ClusterCache
}

var _ Clusters = Cached{}

// FromClusterCache returns the access through a ClusterCache.
func FromClusterCache(cache clustercache.ClusterCache) Cached { return Cached{cache: cache} }

// Client implements Clusters.
func (c Cached) Client(ctx context.Context, cluster client.ObjectKey) (client.Client, error) {
	connected, err := c.cache.GetClient(ctx, cluster)
	return connected, waitIfNotConnected(err, cluster)
}

// Live implements Clusters.
func (c Cached) Live(ctx context.Context, cluster client.ObjectKey) (client.Client, error) {
	connected, err := c.cache.GetUncachedClient(ctx, cluster)
	return connected, waitIfNotConnected(err, cluster)
}

// Watch implements Clusters.
func (c Cached) Watch(ctx context.Context, cluster client.ObjectKey, watcher clustercache.Watcher) error {
	return waitIfNotConnected(c.cache.Watch(ctx, cluster, watcher), cluster)
}

func waitIfNotConnected(err error, cluster client.ObjectKey) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, clustercache.ErrClusterNotConnected):
		return phase.Waiting(NotConnected, "waiting for the connection to workload cluster "+cluster.Name, reconnectDelay)
	}
	return fmt.Errorf("connecting to workload cluster %s: %w", cluster.Name, err)
}
