// SPDX-License-Identifier: Apache-2.0

package k0snode_test

import (
	"time"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// newK0s is a release that names leases.
const newK0s = "v1.36.3+k0s.2"

// world is a workload cluster whose controllers renew their leases as long as they work. Its clock is an hour behind ours.
type world struct {
	now     time.Time
	objects k0snode.Objects
	// stopped controllers do not renew.
	stopped map[string]bool
}

func newWorld() *world { return &world{now: testenv.Now, stopped: map[string]bool{}} }

// controller adds a voting member that runs a release, labelled as that release does.
func (w *world) controller(name, version string) {
	member := k0snode.EtcdMember{Name: name, Joined: k0snode.JoinedTrue, PeerAddress: "10.0.0." + name[len(name)-1:]}
	if version >= "v1.34.4" {
		member.Invocation = "run-" + name
	}
	if version >= "v1.34.5" && version != "v1.35.1+k0s.0" {
		member.Lease = lease(name)
	}
	w.objects.Members = append(w.objects.Members, member)
	w.node(name, version)
}

// node adds a controller that is no member.
func (w *world) node(name, version string) {
	w.objects.ControlNodes = append(w.objects.ControlNodes, k0snode.ControlNode{Name: name, Version: version})
	w.objects.Leases = append(w.objects.Leases,
		k0snode.Lease{Name: lease(name), Holder: "run-" + name, Renewed: w.now.Add(-time.Hour)})
}

// lease is a name that does not tell the name of the Machine.
func lease(name string) string { return k0snode.LeasePrefix + "host" + name[len(name)-1:] }

func (w *world) member(name string) *k0snode.EtcdMember {
	for i := range w.objects.Members {
		if w.objects.Members[i].Name == name {
			return &w.objects.Members[i]
		}
	}
	return nil
}

// firstLease is that of m1.
func (w *world) firstLease() *k0snode.Lease {
	for i := range w.objects.Leases {
		if w.objects.Leases[i].Name == lease("m1") {
			return &w.objects.Leases[i]
		}
	}
	return nil
}

// pass lets time go by; leases are renewed every 5 seconds.
func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	for i := range w.objects.Leases {
		renewed := &w.objects.Leases[i]
		if !w.stopped[renewed.Name] && renewed.Holder != "" && d >= 5*time.Second {
			renewed.Renewed = w.now.Add(-time.Hour)
		}
	}
}

// facts are what is seen now.
func (w *world) facts(machines ...string) k0snode.Facts {
	facts := k0snode.Facts{Now: w.now, Storage: k0snode.StorageEtcd}
	for _, name := range machines {
		facts.Machines = append(facts.Machines, k0snode.Machine{Name: name, DataGiven: true})
	}
	facts.Objects = &k0snode.Objects{
		Members:      append([]k0snode.EtcdMember(nil), w.objects.Members...),
		ControlNodes: append([]k0snode.ControlNode(nil), w.objects.ControlNodes...),
		Leases:       append([]k0snode.Lease(nil), w.objects.Leases...),
	}
	return facts
}

// watch looks every 10 seconds for a while, and answers with the last judgement.
func (w *world) watch(memory k0snode.Memory, d time.Duration, machines ...string) (k0snode.Report, k0snode.Memory) {
	report, memory := k0snode.Judge(memory, w.facts(machines...))
	for ; d > 0; d -= 10 * time.Second {
		w.pass(10 * time.Second)
		report, memory = k0snode.Judge(memory, w.facts(machines...))
	}
	return report, memory
}
