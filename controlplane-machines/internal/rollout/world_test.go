// SPDX-License-Identifier: Apache-2.0

package rollout_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/rollout"
)

// The world is a model of everything around the decisions: machines, infrastructure, bootstrap, k0s with its etcd, the
// manager with its caches, and people. It knows from the deciding packages the snapshot, the function and the actions; what
// is safe and what is not, it observes by itself. Times are seconds; the world moves in ticks.
const (
	tick = 10
	// never is a time that has not come.
	never = -1
	// leaseTime is for how long a lease looks fresh after its holder died.
	leaseTime = 30
	// evictionTime is after what time k0s removes a dead member that was asked to leave.
	evictionTime = 300
	// showTime is how long a join call may take to show as a member.
	showTime = 120
	// patience is how long a still world may take to come to rest: enough to replace every machine more than once.
	patience = 12 * 3600
	// detection is within what time a death is seen by the manager, with the oldest facts that count as current.
	detection = 75
)

// storage is where the state of the cluster lies.
type storage int

const (
	// learners is etcd where members join as learners.
	learners storage = iota
	// voters is etcd where members vote from the moment they are added.
	voters
	// elsewhere is kine or external etcd.
	elsewhere
)

// profile is what a history starts with and how bad its luck is.
type profile struct {
	seed        uint64
	members     int
	replicas    int
	strategy    controlplane.Strategy
	storage     storage
	maxLearners int
	domains     []string
	// misery is the share of machines, in percent, with a bad fate.
	misery int
}

// generation is one wish for how machines should be.
type generation struct {
	version, template int
	// broken: infrastructure cannot deliver it.
	broken bool
}

// object is the control plane object in the management cluster.
type object struct {
	replicas     int
	strategy     controlplane.Strategy
	wish         generation
	next         string
	initialized  bool
	deleting     bool
	workers      int
	certificates bool
	endpoint     bool
	leftOver     []controlplane.LeftOver
}

// world is the state of everything.
type world struct {
	profile

	now   int
	cp    object
	nodes []*node
	etcd  etcd
	// lock is the serial of the first controller, as bootstrap's init lock holds it.
	lock   int
	serial int
	// contact: the manager reaches the workload cluster, if its API is up.
	contact bool
	// begun: a cluster was ever initialised, whatever the status says.
	begun bool
	// still: no more faults; whoever is born now has a good fate.
	still bool

	caches caches
	seen   sightings
	decide func(controlplane.Snapshot) rollout.Action
	trace  func(string)
	// changes counts what has changed, to see when the world has come to rest.
	changes int
	// byHand tells that people have deleted machines: what follows from that is theirs. forced tells that machines were
	// removed because they were marked or down: that comes before the balance of failure domains.
	byHand, forced bool
	violation      string
}

func newWorld(p profile, decide func(controlplane.Snapshot) rollout.Action, trace func(string)) *world {
	w := &world{profile: p, decide: decide, trace: trace, contact: true}
	w.cp = object{replicas: p.replicas, strategy: p.strategy, certificates: true, endpoint: true, workers: 2}
	w.etcd.world = w
	w.log("start: %d members, %d replicas, %s, storage %s, max-learners %d, failure domains %v, %d%% bad luck", p.members,
		p.replicas, p.strategy, [...]string{"etcd with learners", "etcd without learners", "elsewhere"}[p.storage],
		p.maxLearners, p.domains, p.misery)
	for range p.members {
		w.settle()
	}
	if p.members == 0 {
		w.cp.endpoint = false
	}
	w.remember()
	return w
}

// settle adds a machine that has been a member for long.
func (w *world) settle() {
	n := w.born(w.newName())
	n.infra, n.config, n.machine, n.data = true, true, true, true
	n.created, n.consumed, n.on, n.booted = w.now, w.now, true, true
	n.role, n.wasMember, n.provedMember = controlplane.Joining, true, true
	if len(w.nodes) == 1 {
		n.role, w.lock = controlplane.First, n.serial
	}
	n.domain = w.domain(len(w.nodes) - 1)
	w.etcd.settle(n)
	w.cp.initialized, w.begun = true, true
	w.now += 100
}

func (w *world) domain(i int) string {
	if len(w.domains) == 0 {
		return ""
	}
	return w.domains[i%len(w.domains)]
}

func (w *world) newName() string {
	w.serial++
	return "cp-" + strconv.Itoa(w.serial)
}

// born makes the node of a name that nothing has yet.
func (w *world) born(name string) *node {
	serial, _ := strconv.Atoi(name[len("cp-"):])
	n := &node{name: name, serial: serial, deleting: never, consumed: never, downSince: never, wish: w.cp.wish}
	n.called, n.asked, n.revoked, n.released = never, never, never, never
	n.fate = w.fate(serial)
	w.nodes = append(w.nodes, n)
	return n
}

func (w *world) node(name string) *node {
	for _, n := range w.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// advance lets time pass.
func (w *world) advance(duration int) {
	for end := w.now + duration; w.now < end; {
		w.now += tick
		w.tick()
	}
}

// tick is what all but the manager's decisions do in ten seconds.
func (w *world) tick() {
	for _, n := range w.nodes {
		w.bootstrap(n)
		w.provision(n)
		w.run(n)
	}
	w.etcd.tick()
	for _, n := range w.nodes {
		w.leave(n)
	}
	w.forgetGone()
	w.look()
	w.remember()
}

// forgetGone drops what nothing is left of.
func (w *world) forgetGone() {
	kept := w.nodes[:0]
	for _, n := range w.nodes {
		if n.gone && !n.member.object && n.vote == nil {
			continue
		}
		kept = append(kept, n)
	}
	w.nodes = kept
}

func (w *world) changed(format string, args ...any) {
	w.changes++
	w.log(format, args...)
}

func (w *world) log(format string, args ...any) {
	if w.trace != nil {
		w.trace(fmt.Sprintf("%6ds  ", w.now) + fmt.Sprintf(format, args...))
	}
}

// violate records the first thing that must never happen.
func (w *world) violate(format string, args ...any) {
	if w.violation == "" {
		w.violation = fmt.Sprintf(format, args...)
		w.log("VIOLATION: %s", w.violation)
	}
}

// roll is a number that depends on nothing but the history and what it is for, so that a shortened history keeps the rest
// of its luck.
func (w *world) roll(what uint64, serial int) *rand.Rand {
	return rand.New(rand.NewPCG(w.seed^what<<56, uint64(serial)))
}
