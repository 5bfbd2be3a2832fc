// SPDX-License-Identifier: Apache-2.0

package rollout_test

import (
	"slices"
	"time"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/rollout"
)

// remembered is how many old states of the caches can still be read.
const remembered = 4

// caches are what the manager may read instead of the truth.
type caches struct {
	management [remembered]management
	workload   [remembered]workload
	next, last int
}

// management is the state of the management cluster.
type management struct {
	cp       object
	machines []controlplane.Machine
}

// workload is what was last seen of the workload cluster.
type workload struct {
	at      int
	members []controlplane.Member
}

// remember puts the state of the management cluster into the cache.
func (w *world) remember() {
	w.caches.next = (w.caches.next + 1) % remembered
	slot := &w.caches.management[w.caches.next]
	slot.cp = w.cp
	slot.machines = w.list(slot.machines[:0])
}

// list reads Machines, and what else bears their names.
func (w *world) list(into []controlplane.Machine) []controlplane.Machine {
	for _, n := range w.nodes {
		if n.exists() {
			into = append(into, w.machineOf(n))
		}
	}
	return into
}

func (w *world) machineOf(n *node) controlplane.Machine {
	m := controlplane.Machine{
		Name:          n.name,
		Parts:         controlplane.Parts{Infrastructure: n.infra, Config: n.config, Machine: n.machine},
		Created:       at(n.created),
		FailureDomain: n.domain,
		DeleteMark:    n.mark,
		Outdated:      outdatedReasons(n.wish, w.cp.wish),
		Data:          controlplane.Data{Written: n.data, Consumed: at(n.consumed)},
		WasMember:     n.wasMember,
		DeletingSince: at(n.deleting),
	}
	if n.config {
		m.Role = n.role
	}
	return m
}

var (
	outdatedVersion  = []string{"version"}
	outdatedTemplate = []string{"template"}
	outdatedBoth     = []string{"version", "template"}
)

func outdatedReasons(has, wanted generation) []string {
	switch {
	case has.version != wanted.version && has.template != wanted.template:
		return outdatedBoth
	case has.version != wanted.version:
		return outdatedVersion
	case has.template != wanted.template:
		return outdatedTemplate
	default:
		return nil
	}
}

var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func at(seconds int) time.Time {
	if seconds == never {
		return time.Time{}
	}
	return epoch.Add(time.Duration(seconds) * time.Second)
}

// reachable tells whether the API of the workload cluster answers the manager.
func (w *world) reachable() bool {
	if !w.contact {
		return false
	}
	if w.storage == elsewhere {
		return slices.ContainsFunc(w.nodes, (*node).works)
	}
	return w.etcd.holds()
}

// look puts the state of the workload cluster into the cache, if its API answers.
func (w *world) look() {
	if !w.reachable() {
		return
	}
	w.caches.last = (w.caches.last + 1) % remembered
	slot := &w.caches.workload[w.caches.last]
	slot.at = w.now
	slot.members = slot.members[:0]
	for _, n := range w.nodes {
		if n.member.object || w.storage == elsewhere && n.member.joined && !n.gone {
			slot.members = append(slot.members, w.memberOf(n))
		}
	}
}

func (w *world) memberOf(n *node) controlplane.Member {
	m := controlplane.Member{
		Name: n.name, Membership: controlplane.Left, Health: controlplane.Unhealthy, Leaving: n.member.leave,
	}
	if n.member.joined {
		m.Membership = controlplane.Voting
	}
	if w.looksAlive(n) {
		m.Health = controlplane.Healthy
	}
	return m
}

// snapshot joins what the caches hold.
func (w *world) snapshot(m *management, seen *workload) controlplane.Snapshot {
	s := controlplane.Snapshot{
		Now: at(w.now), Replicas: m.cp.replicas, Strategy: m.cp.strategy,
		Deletion:    controlplane.Deletion{Requested: m.cp.deleting, Workers: m.cp.workers},
		Initialized: m.cp.initialized, Certificates: m.cp.certificates, Endpoint: m.cp.endpoint,
		FailureDomains: w.domains, NextMachine: m.cp.next, Machines: slices.Clone(m.machines),
		Current: w.contact && seen.at > 0 && w.now-seen.at <= leaseTime,
		Etcd: controlplane.Etcd{
			Managed: w.storage != elsewhere, JoinersVote: w.storage == voters, MaxLearners: w.maxLearners,
			LeftOver: m.cp.leftOver,
		},
	}
	for i := range seen.members {
		member := seen.members[i]
		if j := slices.IndexFunc(s.Machines, func(m controlplane.Machine) bool { return m.Name == member.Name }); j >= 0 {
			s.Machines[j].Membership, s.Machines[j].Health = member.Membership, member.Health
		} else if w.storage != elsewhere {
			s.Strays = append(s.Strays, member)
		}
	}
	for i := range s.Machines {
		if m := &s.Machines[i]; m.Membership == "" && m.Data.Written {
			m.Membership = controlplane.Learner
		}
	}
	return s
}

// reading is how a pass of the manager goes.
type reading struct {
	// management and workload are how many states old what it reads first is.
	management, workload int
	// crash is before which of its writes the manager dies; never lets it live.
	crash int
}

// pass is one pass of the manager: gather from caches, decide; before a creation or deletion, read live and decide again.
func (w *world) pass(r reading) rollout.Action {
	if r.management > 0 {
		w.saw("stale read")
	}
	seen := w.seenBefore(r.workload)
	s := w.snapshot(&w.caches.management[(w.caches.next-r.management+remembered)%remembered], seen)
	action := w.decide(s)
	if action.Kind == rollout.Create || action.Kind == rollout.Delete {
		s = w.snapshot(&management{cp: w.cp, machines: w.list(nil)}, seen)
		action = w.decide(s)
	}
	w.sawAction(action)
	w.log("decides %s %s %s: %s", action.Kind, action.Machine, action.Reason, action.Message)
	writes := writer{world: w, left: r.crash}
	w.execute(action, &writes)
	w.conclude(s, &writes)
	w.remember()
	return action
}

// seenBefore is what was seen of the workload cluster some looks ago, as long as it counts as current.
func (w *world) seenBefore(age int) *workload {
	slot := &w.caches.workload[(w.caches.last-age+remembered)%remembered]
	if slot.at == 0 || w.now-slot.at > leaseTime {
		return &w.caches.workload[w.caches.last]
	}
	return slot
}

// writer counts writes, and dies before one of them.
type writer struct {
	world *world
	left  int
	dead  bool
}

// write does one write, unless the manager is dead by then.
func (c *writer) write(what func(), format string, args ...any) {
	if c.dead {
		return
	}
	if c.left == 0 {
		c.dead = true
		c.world.saw("crash")
		c.world.log("the manager dies before it writes: "+format, args...)
		return
	}
	c.left--
	what()
	c.world.changed(format, args...)
}

func (w *world) execute(action rollout.Action, writes *writer) {
	switch {
	case action.RecordsName():
		name := w.newName()
		writes.write(func() { w.cp.next = name }, "records the name %s", name)
	case action.Kind == rollout.Create:
		w.create(action, writes)
	case action.Kind == rollout.Delete:
		w.delete(action, writes)
	}
}

func (w *world) create(action rollout.Action, writes *writer) {
	n := w.node(action.Machine)
	if n == nil {
		n = w.born(action.Machine)
	}
	w.judgeCreate(n, action)
	if !n.infra {
		writes.write(func() { n.infra, n.wish = true, w.cp.wish }, "creates infrastructure %s", n.name)
	}
	if !n.config {
		writes.write(func() { n.config, n.role = true, action.Role }, "creates config %s, %s", n.name, action.Role)
	}
	if !n.machine {
		writes.write(func() {
			n.machine, n.created, n.domain = true, w.now, action.FailureDomain
		}, "creates Machine %s", n.name)
	}
	if !n.exists() {
		w.nodes = slices.DeleteFunc(w.nodes, func(o *node) bool { return o == n })
	}
}

func (w *world) delete(action rollout.Action, writes *writer) {
	n := w.node(action.Machine)
	if w.cp.next == action.Machine {
		writes.write(func() { w.cp.next = "" }, "clears the name %s", action.Machine)
	}
	switch {
	case n == nil:
	case n.machine:
		w.judgeDelete(n)
		if n.deleting == never {
			writes.write(func() { n.deleting = w.now }, "deletes Machine %s", n.name)
		}
	case n.exists():
		writes.write(func() { n.config = false }, "removes config %s", n.name)
		writes.write(func() { n.infra, n.gone = false, true }, "removes infrastructure %s", n.name)
	case n.member.object:
		w.saw("stray member")
		writes.write(func() { n.member.leave, n.asked = true, w.now }, "asks member %s to leave", n.name)
	}
}

// conclude is the end of a pass: what it has learned is recorded.
func (w *world) conclude(s controlplane.Snapshot, writes *writer) {
	for i := range s.Machines {
		m := &s.Machines[i]
		if n := w.node(m.Name); n != nil && m.Membership == controlplane.Voting && !n.wasMember {
			writes.write(func() { n.wasMember = true }, "records that %s is a member", m.Name)
		}
		if m.Parts.Machine && m.Name == w.cp.next {
			writes.write(func() { w.cp.next = "" }, "clears the name %s", m.Name)
		}
	}
	w.dropLeftOver(writes)
	if !w.cp.initialized && slices.ContainsFunc(w.nodes, w.provesCluster) {
		writes.write(func() { w.cp.initialized, w.begun = true, true }, "records that the cluster is initialised")
	}
}

// provesCluster is read live: the Machine that proves it must be one that stays.
func (w *world) provesCluster(n *node) bool {
	return n.machine && n.deleting == never && (n.wasMember || w.reachable() && n.works())
}

// dropLeftOver forgets members left over whose address is that of a member.
func (w *world) dropLeftOver(writes *writer) {
	for _, left := range slices.Clone(w.cp.leftOver) {
		if w.reachable() && slices.ContainsFunc(w.nodes, func(n *node) bool {
			return n.member.object && n.member.joined && addressName(n.address) == left.Address
		}) {
			writes.write(func() {
				w.cp.leftOver = slices.DeleteFunc(
					slices.Clone(w.cp.leftOver),
					func(l controlplane.LeftOver) bool { return l == left },
				)
			}, "forgets the member left over at %s", left.Address)
		}
	}
}
