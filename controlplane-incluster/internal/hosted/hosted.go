// SPDX-License-Identifier: Apache-2.0

// Package hosted reaches the API servers of hosted control planes directly, with the kubeconfigs we signed. It never goes
// through Cluster API's cluster cache: that connects only once the infrastructure is provisioned, and infrastructure
// may wait for the endpoint that we publish after having reached the API server.
package hosted

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/clusterconfig"
	"github.com/k0smotron/k0smotron/shared/workload"
)

// Access is a control plane and the key to it.
type Access struct {
	// Cluster is the namespace and name of the Cluster.
	Cluster client.ObjectKey
	// Kubeconfig is an admin kubeconfig that leads to the address machines use.
	Kubeconfig []byte
}

// Opinion is a verdict of k0s about its configuration, with what it says about it.
type Opinion = clusterconfig.Opinion

// Clusters reaches hosted control planes.
type Clusters struct {
	pool       *workload.Pool
	fieldOwner string
}

// New returns access to hosted control planes. Objects in them are written as fieldOwner.
func New(pool *workload.Pool, fieldOwner string) *Clusters {
	return &Clusters{pool: pool, fieldOwner: fieldOwner}
}

// Ready asks the API server whether it is ready.
func (c *Clusters) Ready(ctx context.Context, access Access) workload.Evidence {
	return c.pool.Probe(ctx, access.Cluster, access.Kubeconfig, "/readyz")
}

// Forget closes the connections to a control plane that is gone.
func (c *Clusters) Forget(cluster client.ObjectKey) { c.pool.Forget(cluster) }

// ApplyConfig applies the cluster-wide configuration: fields that are no longer in it are removed again. It answers
// false while k0s does not serve its kind yet.
func (c *Clusters) ApplyConfig(ctx context.Context, access Access, config *unstructured.Unstructured) (bool, error) {
	workloadClient, err := c.client(access)
	if err != nil {
		return false, err
	}
	return clusterconfig.Access{Client: workloadClient, FieldOwner: c.fieldOwner}.Apply(ctx, config)
}

// Opinion tells what k0s says about the configuration that we applied last.
func (c *Clusters) Opinion(ctx context.Context, access Access, group schema.GroupVersion) (Opinion, error) {
	workloadClient, err := c.client(access)
	if err != nil {
		return Opinion{}, err
	}
	return clusterconfig.Access{Client: workloadClient, FieldOwner: c.fieldOwner}.Opinion(ctx, group)
}

func (c *Clusters) client(access Access) (client.Client, error) {
	direct, err := c.pool.Get(access.Cluster, access.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("connecting to the hosted cluster: %w", err)
	}
	return direct.Client()
}
