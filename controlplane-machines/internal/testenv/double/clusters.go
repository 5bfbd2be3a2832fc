// SPDX-License-Identifier: Apache-2.0

package double

import (
	"context"
	"slices"
	"sync"
	"time"

	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/workload"
)

// Clusters is the access of a reconciler to workload clusters. It connects while they answer, and reads without a cache,
// so that a pass sees what the turn before it did.
type Clusters struct {
	mutex   sync.Mutex
	doubles map[client.ObjectKey]*Double
	watches map[client.ObjectKey][]string
}

var _ workload.Clusters = (*Clusters)(nil)

// NewClusters gives access to the clusters that are played.
func NewClusters(doubles ...*Double) *Clusters {
	clusters := &Clusters{doubles: map[client.ObjectKey]*Double{}, watches: map[client.ObjectKey][]string{}}
	for _, d := range doubles {
		clusters.Add(d)
	}
	return clusters
}

// Add gives access to one more.
func (c *Clusters) Add(d *Double) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.doubles[d.options.Cluster] = d
}

// Of is who plays a cluster; nil when nobody does.
func (c *Clusters) Of(cluster client.ObjectKey) *Double {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.doubles[cluster]
}

// Client is the workload cluster, or a wait.
func (c *Clusters) Client(_ context.Context, cluster client.ObjectKey) (client.Client, error) {
	d := c.Of(cluster)
	if d == nil || !d.Answers() {
		return nil, phase.Waiting(
			workload.NotConnected, "waiting for the connection to workload cluster "+cluster.Name, time.Second)
	}
	return d.options.Workload, nil
}

// Live is the same: there is no cache.
func (c *Clusters) Live(ctx context.Context, cluster client.ObjectKey) (client.Client, error) {
	return c.Client(ctx, cluster)
}

// Watch notes what would be watched: tests reconcile by themselves.
func (c *Clusters) Watch(ctx context.Context, cluster client.ObjectKey, watcher clustercache.Watcher) error {
	if _, err := c.Client(ctx, cluster); err != nil {
		return err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.watches[cluster] = append(c.watches[cluster], watcher.Name())
	return nil
}

// Watches are the names of what was asked to be watched, in order and as often as it was.
func (c *Clusters) Watches(cluster client.ObjectKey) []string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return slices.Clone(c.watches[cluster])
}
