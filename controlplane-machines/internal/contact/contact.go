// SPDX-License-Identifier: Apache-2.0

// Package contact reaches the workload clusters of control planes on Machines: through Cluster API's cluster cache where
// it is connected, and directly, with the kubeconfig that we signed, where it is not. It connects half a minute late, and
// drops a connection that fails: a control plane has to be looked at just then.
package contact

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/workload"
)

// Timeout bounds all that one pass asks of a workload cluster, so that one that does not answer does not hold up others.
const Timeout = 5 * time.Second

// Access is a cluster and the key to it.
type Access struct {
	// Cluster is the namespace and name of the Cluster.
	Cluster client.ObjectKey
	// Kubeconfig is an admin kubeconfig that leads to the endpoint of the Cluster.
	Kubeconfig []byte
}

// Connection is a way into a workload cluster.
type Connection struct {
	// Objects reads, from a cache if there is one.
	Objects client.Reader
	// Live reads and writes without a cache.
	Live client.Client
	// Cached tells that there is a cache, so that events can be had.
	Cached bool
}

// Clusters reaches workload clusters.
type Clusters struct {
	cached workload.Clusters
	pool   *workload.Pool
}

// New returns access through a cluster cache, and through a pool of direct connections.
func New(cached workload.Clusters, pool *workload.Pool) *Clusters {
	return &Clusters{cached: cached, pool: pool}
}

// Ready asks the API server, through the endpoint of the Cluster, whether it is ready.
func (c *Clusters) Ready(ctx context.Context, access Access) workload.Evidence {
	direct, err := c.pool.Get(access.Cluster, access.Kubeconfig)
	if err != nil {
		return workload.Evidence{Message: err.Error()}
	}
	return direct.Probe(ctx, "/readyz")
}

// Connect returns the best way into a cluster. That there is one does not mean that anybody answers.
func (c *Clusters) Connect(ctx context.Context, access Access) (Connection, error) {
	connection, err := c.throughCache(ctx, access.Cluster)
	if _, waits := errors.AsType[*phase.WaitError](err); !waits {
		return connection, err
	}
	direct, err := c.pool.Get(access.Cluster, access.Kubeconfig)
	if err != nil {
		return Connection{}, fmt.Errorf("connecting to the workload cluster: %w", err)
	}
	live, err := direct.Client()
	if err != nil {
		return Connection{}, err
	}
	return Connection{Objects: live, Live: live}, nil
}

func (c *Clusters) throughCache(ctx context.Context, cluster client.ObjectKey) (Connection, error) {
	live, err := c.cached.Live(ctx, cluster)
	if err != nil {
		return Connection{}, err
	}
	cached, err := c.cached.Client(ctx, cluster)
	if err != nil {
		return Connection{}, err
	}
	return Connection{Objects: cached, Live: live, Cached: true}, nil
}

// Forget closes the direct connections to a cluster that is gone.
func (c *Clusters) Forget(cluster client.ObjectKey) { c.pool.Forget(cluster) }
