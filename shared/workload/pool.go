// SPDX-License-Identifier: Apache-2.0

package workload

import (
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

// Forget closes the connection of a cluster that is gone.
func (p *Pool) Forget(cluster client.ObjectKey) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if entry, ok := p.entries[cluster]; ok {
		entry.direct.Close()
		delete(p.entries, cluster)
	}
}
