// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"context"
	"crypto/sha256"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Pool keeps one direct connection per cluster, so that passes share TCP connections, and replaces it when the
// kubeconfig changes.
type Pool struct {
	options DirectOptions
	mutex   sync.Mutex
	entries map[client.ObjectKey]pooled
}

type pooled struct {
	direct *Direct
	sum    [sha256.Size]byte
}

// NewPool returns an empty pool.
func NewPool(options DirectOptions) *Pool {
	return &Pool{options: options, entries: map[client.ObjectKey]pooled{}}
}

// Get returns the connection of a cluster, new when there is none or the kubeconfig is another one.
func (p *Pool) Get(cluster client.ObjectKey, kubeconfig []byte) (*Direct, error) {
	sum := sha256.Sum256(kubeconfig)
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if entry, ok := p.entries[cluster]; ok {
		if entry.sum == sum {
			return entry.direct, nil
		}
		entry.direct.Close()
		delete(p.entries, cluster)
	}
	direct, err := NewDirect(kubeconfig, p.options)
	if err != nil {
		return nil, err
	}
	p.entries[cluster] = pooled{direct: direct, sum: sum}
	return direct, nil
}

// Probe sends one GET for a path such as /readyz. Behind a load balancer, a connection leads to the same API server for
// as long as it lasts: unless the answer is 200, the next request makes a new one.
func (p *Pool) Probe(ctx context.Context, cluster client.ObjectKey, kubeconfig []byte, path string) Evidence {
	direct, err := p.Get(cluster, kubeconfig)
	if err != nil {
		return Evidence{Message: err.Error()}
	}
	evidence := direct.Probe(ctx, path)
	if !evidence.OK() {
		p.Forget(cluster)
	}
	return evidence
}

// Forget closes the connection of a cluster that is gone, or that did not answer.
func (p *Pool) Forget(cluster client.ObjectKey) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if entry, ok := p.entries[cluster]; ok {
		entry.direct.Close()
		delete(p.entries, cluster)
	}
}
