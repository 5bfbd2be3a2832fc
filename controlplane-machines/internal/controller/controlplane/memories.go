// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
)

// memories keep what one look at a workload cluster leaves for the next one. They are lost with the manager, which then
// has to look twice before it says anything.
type memories struct {
	mutex   sync.Mutex
	entries map[client.ObjectKey]memory
}

// memory belongs to one control plane: another one of the same name has other machines.
type memory struct {
	uid  types.UID
	seen k0snode.Memory
	// watched tells that events of what k0s writes have been asked for: the cache holds it, or is about to.
	watched bool
	// agents is when konnectivity agents were looked for.
	agents time.Time
}

func (m *memories) of(controlPlane client.Object) k0snode.Memory {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.entry(controlPlane).seen
}

func (m *memories) keep(controlPlane client.Object, seen k0snode.Memory) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	entry := m.entry(controlPlane)
	entry.seen = seen
	m.set(controlPlane, entry)
}

func (m *memories) isWatched(controlPlane client.Object) bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.entry(controlPlane).watched
}

func (m *memories) noteWatched(controlPlane client.Object) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	entry := m.entry(controlPlane)
	entry.watched = true
	m.set(controlPlane, entry)
}

// due tells whether it is time to look for konnectivity agents, and takes it that this is done.
func (m *memories) due(controlPlane client.Object, now time.Time) bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	entry := m.entry(controlPlane)
	if now.Sub(entry.agents) < agentsEvery {
		return false
	}
	entry.agents = now
	m.set(controlPlane, entry)
	return true
}

func (m *memories) forget(controlPlane client.ObjectKey) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.entries, controlPlane)
}

func (m *memories) entry(controlPlane client.Object) memory {
	entry := m.entries[client.ObjectKeyFromObject(controlPlane)]
	if entry.uid != controlPlane.GetUID() {
		return memory{uid: controlPlane.GetUID()}
	}
	return entry
}

func (m *memories) set(controlPlane client.Object, entry memory) {
	if m.entries == nil {
		m.entries = map[client.ObjectKey]memory{}
	}
	m.entries[client.ObjectKeyFromObject(controlPlane)] = entry
}
