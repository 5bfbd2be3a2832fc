// SPDX-License-Identifier: Apache-2.0

package rollout_test

import (
	"slices"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
)

// node is a machine of the model: its objects, and the thing itself.
type node struct {
	name   string
	serial int
	wish   generation
	fate   fate

	// Objects in the management cluster.
	infra, config, machine bool
	created, deleting      int
	domain                 string
	mark                   bool
	role                   controlplane.Role
	data                   bool
	consumed               int
	wasMember              bool

	// The machine: running, booted once, broken for good, since when it is down, all of it gone.
	on, booted, lost bool
	downSince        int
	gone             bool
	address          int

	// vote is its entry in etcd, called when it asked for it; member is its EtcdMember.
	vote   *vote
	called int
	member etcdMember
	// provedMember: it has been a voter in truth.
	provedMember bool
	joinedAt     int

	// asked is when it was asked to leave, revoked when its join token was, released when its hook was.
	asked, revoked, released int
}

// etcdMember is the object in the workload cluster.
type etcdMember struct {
	object, joined, leave bool
}

// fate is what will become of a machine.
type fate struct {
	provision, boot, start, drain, terminate int
	// diesBefore and diesAfter: it dies before or after it asks to join.
	diesBefore, diesAfter bool
}

// fate rolls one.
func (w *world) fate(serial int) fate {
	r := w.roll(1, serial)
	f := fate{
		provision: 10 + r.IntN(
			60,
		),
		boot:      10 + r.IntN(40),
		start:     10 + r.IntN(20),
		drain:     r.IntN(40),
		terminate: 10 + r.IntN(60),
	}
	if w.still || r.IntN(100) >= w.misery {
		return f
	}
	switch r.IntN(4) {
	case 0:
		f.diesBefore = true
	case 1, 2:
		f.diesAfter = true
	default:
		f.boot = 800 + r.IntN(400)
	}
	return f
}

func (n *node) exists() bool { return n.infra || n.config || n.machine }

// works tells that its controller does.
func (n *node) works() bool { return n.on && n.booted }

// looksAlive tells what its lease tells.
func (w *world) looksAlive(n *node) bool {
	return n.works() || n.downSince != never && w.now-n.downSince <= leaseTime && !n.gone
}

// down turns it off.
func (w *world) down(n *node) {
	n.on = false
	n.downSince = w.now
	if n.vote != nil && !n.vote.started {
		n.vote.orphaned = true
	}
}

// bootstrap writes bootstrap data: for one first controller, and for others once there is a healthy member to join.
func (w *world) bootstrap(n *node) {
	if !n.machine || !n.config || n.data || n.deleting != never {
		return
	}
	if n.role == controlplane.First {
		if w.lock != 0 && w.lock != n.serial {
			return
		}
		w.lock = n.serial
	} else if w.storage != elsewhere && !slices.ContainsFunc(w.nodes, func(o *node) bool {
		return o != n && o.machine && o.deleting == never && o.member.joined && w.looksAlive(o)
	}) {
		return
	}
	n.data = true
	w.changed("bootstrap data of %s is written", n.name)
}

// provision makes infrastructure take the data.
func (w *world) provision(n *node) {
	if !n.machine || !n.infra || !n.data || n.consumed != never || n.wish.broken || w.now < n.created+n.fate.provision {
		return
	}
	if n.released != never {
		return
	}
	n.consumed, n.on, n.address = w.now, true, w.freeAddress(n)
	w.changed("infrastructure starts %s at address %d", n.name, n.address)
}

// freeAddress is one that no machine has: but a machine that is gone may still occupy it in etcd.
func (w *world) freeAddress(n *node) int {
	r := w.roll(2, n.serial)
	for {
		address := 1 + r.IntN(24)
		if !slices.ContainsFunc(w.nodes, func(o *node) bool { return o != n && o.on && o.address == address }) {
			return address
		}
	}
}

// run is what k0s does on the machine.
func (w *world) run(n *node) {
	if !n.on || n.consumed == never || n.provedMember || w.now < n.consumed+n.fate.boot {
		return
	}
	switch {
	case n.fate.diesBefore:
		w.lose(n, "before it asks to join")
	case w.storage == elsewhere:
		n.booted, n.provedMember, n.joinedAt = true, true, w.now
		n.member.joined = true
		w.changed("%s works", n.name)
	case n.role == controlplane.First:
		w.etcd.begin(n)
	case n.called == never:
		w.etcd.ask(n)
	case w.now >= n.called+n.fate.start && n.vote != nil && !n.vote.orphaned:
		w.etcd.start(n)
	}
}

func (w *world) lose(n *node, when string) {
	n.lost = true
	w.down(n)
	w.saw("lost machine")
	w.changed("%s is lost for good, %s", n.name, when)
}

// leave is the flow of a Machine that is being deleted: drain, the hook, which lets it leave etcd, infrastructure.
func (w *world) leave(n *node) {
	switch {
	case n.deleting == never || !n.machine:
	case n.released != never:
		if w.now >= n.released+n.fate.terminate {
			w.terminate(n)
		}
	case w.now < n.deleting+n.fate.drain:
	case w.cp.next == n.name:
		w.cp.next = ""
	case w.mayRelease(n):
		n.released = w.now
		w.changed("the hook of %s is released", n.name)
	}
}

// mayRelease is one step of the hook. Its escapes: control plane deleted, never joined, last member.
func (w *world) mayRelease(n *node) bool {
	switch {
	case w.cp.deleting || w.storage == elsewhere:
		return true
	case !w.reachable():
		return !n.data || n.role == controlplane.First && !w.cp.initialized && !n.wasMember
	case !n.member.object && n.wasMember:
		return false
	case !n.member.object && n.data && n.role == controlplane.Joining:
		return w.mayForget(n)
	case !n.member.object:
		return true
	case !n.member.joined:
		n.member.object = false
		w.changed("EtcdMember %s is removed", n.name)
		return true
	case w.etcd.isOnly(n):
		n.member.object, n.member.joined = false, false
		return true
	case !n.member.leave && w.othersHold(n):
		n.member.leave, n.asked = true, w.now
		w.changed("%s is asked to leave etcd", n.name)
	}
	return false
}

// mayForget is the escape for a machine that never joined. It could still do so until it is gone, and then take its vote
// with it: so its join token is revoked, and a call that it made before gets the time to show.
func (w *world) mayForget(n *node) bool {
	if n.revoked == never {
		n.revoked = w.now
		w.changed("the join token of %s is revoked", n.name)
	}
	if w.now < n.revoked+showTime {
		return false
	}
	w.recordLeftOver(n)
	return true
}

// recordLeftOver remembers that a machine may have asked to join before it went.
func (w *world) recordLeftOver(n *node) {
	if n.consumed == never {
		return
	}
	w.cp.leftOver = slices.DeleteFunc(slices.Clone(w.cp.leftOver), func(l controlplane.LeftOver) bool {
		return l.Address == addressName(n.address)
	})
	w.cp.leftOver = append(w.cp.leftOver, controlplane.LeftOver{Machine: n.name, Address: addressName(n.address)})
	w.changed("%s never joined: a member at address %d may be left over", n.name, n.address)
}

// othersHold is the quorum of the others as their leases show it, while none of them is leaving.
func (w *world) othersHold(n *node) bool {
	total, alive := 0, 0
	if w.storage == voters {
		total = len(w.cp.leftOver)
	}
	for _, o := range w.nodes {
		switch {
		case w.storage == voters && o != n && o.machine && o.data && !o.provedMember:
			// It may vote already.
		case o == n || !o.member.object && !o.wasMember || o.member.object && !o.member.joined:
			continue
		case o.member.leave:
			return false // One at a time.
		case o.member.object && w.looksAlive(o):
			alive++
		}
		total++
	}
	return alive >= total/2+1
}

// terminate is the end of the machine and of its objects.
func (w *world) terminate(n *node) {
	before := w.etcd.holds()
	n.on, n.gone, n.downSince = false, true, w.now
	n.infra, n.config, n.machine = false, false, false
	if w.lock == n.serial && !w.begun {
		w.lock = 0
	}
	w.changed("%s is gone", n.name)
	w.etcd.lostDisk(n, before)
}
