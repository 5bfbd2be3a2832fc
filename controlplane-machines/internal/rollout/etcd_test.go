// SPDX-License-Identifier: Apache-2.0

package rollout_test

import (
	"slices"
	"strconv"
)

// etcd is the membership, and the log as far as clients were told that it is written.
type etcd struct {
	world   *world
	members []*vote
	// acknowledged is the last entry that a client was told of.
	acknowledged int
	leader       *vote
}

// vote is one entry in the membership.
type vote struct {
	node    *node
	address int
	// votes: it is no learner. started: its etcd has run. orphaned: it died before, and knows nothing of itself.
	votes, started, orphaned bool
	// index is the last entry on its disk.
	index int
}

func addressName(address int) string { return "10.0.0." + strconv.Itoa(address) }

func (v *vote) alive() bool { return v.started && v.node.on }

func (e *etcd) settle(n *node) {
	n.address = n.serial
	n.member = etcdMember{object: e.managed(), joined: true}
	if !e.managed() {
		return
	}
	n.vote = &vote{node: n, address: n.address, votes: true, started: true}
	e.members = append(e.members, n.vote)
}

func (e *etcd) managed() bool { return e.world.storage != elsewhere }

// count returns how many members vote, and how many of those are alive.
func (e *etcd) count() (int, int) {
	total, alive := 0, 0
	for _, v := range e.members {
		if v.votes {
			total++
			if v.alive() {
				alive++
			}
		}
	}
	return total, alive
}

func (e *etcd) holds() bool {
	total, alive := e.count()
	return alive >= total/2+1
}

func (e *etcd) isOnly(n *node) bool {
	total, _ := e.count()
	return n.vote != nil && n.vote.votes && total == 1
}

// begin is what a first controller does: it starts a cluster of its own.
func (e *etcd) begin(n *node) {
	if (len(e.members) > 0 || e.world.begun) && !e.world.byHand {
		e.world.violate("%s starts a second, empty cluster", n.name)
	}
	n.vote = &vote{node: n, address: n.address, votes: true, started: true}
	e.members = append(e.members, n.vote)
	e.join(n, "starts the cluster")
}

func (e *etcd) join(n *node, how string) {
	n.booted, n.provedMember, n.joinedAt = true, true, e.world.now
	n.member = etcdMember{object: true, joined: true}
	e.world.changed("%s %s and votes", n.name, how)
}

// ask is the join call of a controller. It is repeated until it is answered: etcd adds nobody while a voter is down.
func (e *etcd) ask(n *node) {
	total, alive := e.count()
	if total != alive || n.revoked != never || !e.hasPlace(n.address) {
		return
	}
	n.called = e.world.now
	n.vote = &vote{node: n, address: n.address, votes: e.world.storage == voters}
	e.members = append(e.members, n.vote)
	e.world.changed("etcd adds %s", n.name)
	if total > 1 && !e.holds() {
		e.world.violate("etcd loses its quorum because %s is added", n.name)
	}
	if n.fate.diesAfter {
		e.world.saw("died while joining")
		e.world.lose(n, "between its join call and its first start")
	}
}

// hasPlace: an address is used once, and learners are limited.
func (e *etcd) hasPlace(address int) bool {
	count := 0
	for _, v := range e.members {
		if v.address == address {
			return false
		}
		if !v.votes {
			count++
		}
	}
	return e.world.storage == voters || count < e.world.maxLearners
}

func (e *etcd) start(n *node) {
	if n.vote.started || !e.holds() && !n.vote.votes {
		return
	}
	n.vote.started = true
	if n.vote.votes {
		n.vote.index = e.acknowledged
		e.join(n, "has joined")
		return
	}
	e.world.saw("learner")
	e.world.changed("%s is a learner", n.name)
}

// tick is what the leaders of etcd and of k0s do.
func (e *etcd) tick() {
	if !e.managed() || !e.holds() {
		return
	}
	e.elect()
	e.promote()
	e.write()
	for _, v := range slices.Clone(e.members) {
		if v.node.member.leave {
			e.letGo(v)
		}
	}
}

// elect keeps the leader or makes the alive voter with the longest log the next one.
func (e *etcd) elect() {
	if e.leader != nil && e.leader.votes && e.leader.alive() && slices.Contains(e.members, e.leader) {
		return
	}
	e.leader = nil
	for _, v := range e.members {
		if v.votes && v.alive() && (e.leader == nil || v.index > e.leader.index) {
			e.leader = v
		}
	}
	if e.leader.index < e.acknowledged {
		e.world.violate("acknowledged writes are lost: the new leader %s has %d of %d", e.leader.node.name,
			e.leader.index, e.acknowledged)
	}
}

// promote makes one learner that has caught up a voter.
func (e *etcd) promote() {
	for _, v := range e.members {
		if !v.votes && v.alive() {
			v.votes, v.index = true, e.acknowledged
			e.join(v.node, "is promoted")
			return
		}
	}
}

// write lets a client write. One voter may lag behind.
func (e *etcd) write() {
	if !e.world.cp.initialized {
		return
	}
	total, alive := e.count()
	lag := never
	if alive > total/2+1 {
		lag = e.world.now / tick % len(e.members)
	}
	e.acknowledged++
	for i, v := range e.members {
		if v.votes && v.alive() && (i != lag || v == e.leader) {
			v.index = e.acknowledged
		}
	}
}

// letGo is how k0s lets a member go that was asked to leave: alive, it removes itself; dead, the leader removes it after a
// while.
func (e *etcd) letGo(v *vote) {
	w, n := e.world, v.node
	asked := max(n.asked, 0)
	switch {
	case !e.holds() || e.isOnly(n):
	case v.alive() && v == e.leader:
		e.leader = nil
		e.handOver(v)
	case v.alive() && w.now >= asked+2*tick, !v.alive() && w.now >= n.downSince+evictionTime:
		e.remove(v)
	}
}

// handOver makes another voter the leader.
func (e *etcd) handOver(from *vote) {
	for _, v := range e.members {
		if v != from && v.votes && v.alive() && (e.leader == nil || v.index > e.leader.index) {
			v.index = e.acknowledged
			e.leader = v
		}
	}
}

// remove commits the removal.
func (e *etcd) remove(v *vote) {
	n := v.node
	e.members = slices.DeleteFunc(e.members, func(o *vote) bool { return o == v })
	n.vote, n.member.joined = nil, false
	n.booted = false
	if n.gone || !n.machine {
		n.member.object = false
	}
	e.world.changed("%s has left etcd", n.name)
	if !e.holds() && !e.excused(n) {
		total, alive := e.count()
		e.world.violate("etcd loses its quorum because %s has left: %d of %d members are alive", n.name, alive, total)
	}
}

// excused: a member died after the other one was already asked to leave, or too shortly before to be seen.
func (e *etcd) excused(n *node) bool {
	return slices.ContainsFunc(e.members, func(v *vote) bool {
		return v.votes && !v.alive() && v.node.downSince != never && v.node.downSince > n.asked-detection
	})
}

// lostDisk observes what goes with a disk.
func (e *etcd) lostDisk(n *node, held bool) {
	w := e.world
	switch {
	case n.vote == nil || w.cp.deleting:
	case !w.begun:
		// The cluster was never said to be there: the next first controller may start it.
		e.members, e.leader = nil, nil
		n.vote, n.member = nil, etcdMember{}
	case n.vote.votes && held && !e.holds() && !w.byHand:
		w.violate("etcd loses its quorum because %s is gone", n.name)
	}
}

// clean is what a user does who follows the message about members left over.
func (e *etcd) clean() {
	if !e.holds() {
		return
	}
	e.members = slices.DeleteFunc(e.members, func(v *vote) bool { return !v.started && !v.node.on })
	for _, n := range e.world.nodes {
		if n.vote != nil && !n.vote.started && !n.on {
			n.vote = nil
		}
	}
	e.world.cp.leftOver = nil
	e.world.changed("the user removes the members left over")
}
