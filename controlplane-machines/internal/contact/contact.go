// SPDX-License-Identifier: Apache-2.0

// Package contact reaches the workload clusters of control planes on Machines: through Cluster API's cluster cache where
// it is connected and answers, and directly, with the kubeconfig that we signed, where it is not or does not. The cache
// connects half a minute late, and drops a connection that fails: a control plane has to be looked at just then. It keeps
// one that hangs: an API server whose etcd stands still goes on answering the probe of the cache, and nothing else.
package contact

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/workload"
)

// Timeout bounds all that one pass asks over one connection, so that a cluster that does not answer does not hold up
// others.
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

// Look uses a connection. It is called again with another one when it fails.
type Look func(ctx context.Context, connection Connection) error

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
	return c.pool.Probe(ctx, access.Cluster, access.Kubeconfig, "/readyz")
}

// Reach lets look use a way into a cluster, and another one if it fails, each for Timeout. Behind a load balancer, a
// connection leads to the same API server for as long as it lasts, and that one may hang while the others work: so the
// second way is a connection of its own, and a new one when it has failed before.
func (c *Clusters) Reach(ctx context.Context, access Access, look Look) error {
	cacheErr := look.over(ctx, func() (Connection, error) { return c.throughCache(ctx, access.Cluster) })
	if cacheErr == nil {
		return nil
	}
	err := look.over(ctx, func() (Connection, error) { return c.directly(access) })
	if err == nil {
		return nil
	}
	c.pool.Forget(access.Cluster)
	return fmt.Errorf("reaching the workload cluster: %w", errors.Join(cacheErr, err))
}

func (l Look) over(ctx context.Context, connect func() (Connection, error)) error {
	connection, err := connect()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	return l(ctx, connection)
}

func (c *Clusters) directly(access Access) (Connection, error) {
	direct, err := c.pool.Get(access.Cluster, access.Kubeconfig)
	if err != nil {
		return Connection{}, err
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
