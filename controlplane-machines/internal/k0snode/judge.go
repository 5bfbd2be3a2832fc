// SPDX-License-Identifier: Apache-2.0

package k0snode

import (
	"fmt"
	"slices"
	"time"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

const (
	// lookSoon is longer than k0s takes between two renewals, so that the second of two looks finds a new one.
	lookSoon = 10 * time.Second
	// lookLater keeps verdicts current: two looks are never further apart than the limit.
	lookLater = 20 * time.Second
)

// Storage is where the API servers keep their data.
type Storage string

// The storages.
const (
	// StorageEtcd is the etcd that k0s runs on the controllers.
	StorageEtcd Storage = "etcd"
	// StorageForeign is anything that k0s does not run: kine, or an etcd of the user.
	StorageForeign Storage = "foreign"
)

// Machine is a control-plane Machine to be judged.
type Machine struct {
	// Name is its name, and that of its EtcdMember and ControlNode.
	Name string
	// DataGiven tells that its bootstrap data exist: from then on it may become a member at any time.
	DataGiven bool
	// WasMember tells that it has been seen voting before, as its Machine remembers.
	WasMember bool
	// Reported is what its conditions say. It counts as the verdict before when there is no memory, so that a manager
	// that was restarted does not tell of every controller that it knows nothing about it.
	Reported controlplane.Health
}

// Facts are what is judged.
type Facts struct {
	// Now is the time by our clock.
	Now time.Time
	// Storage is where the API servers keep their data.
	Storage Storage
	// Machines are all Machines of the control plane, also those that are being deleted.
	Machines []Machine
	// Objects are what k0s has written; nil when the workload cluster did not answer.
	Objects *Objects
}

// Report is the judgement.
type Report struct {
	// States are the states of the controllers by the name of the Machine: one for each.
	States map[string]State
	// Strays are members of etcd without a Machine, judged like those with one. Those that have left are only objects to be
	// removed; any other has a voice in the quorum.
	Strays []controlplane.Member
	// Answered is when the workload cluster last answered; zero when it never did.
	Answered time.Time
	// LookAgain is when to look again so that verdicts are made and stay current.
	LookAgain time.Duration
}

// Judge compares what k0s has written with what it had written at the look before. It answers for every Machine, and
// returns what the next look needs.
func Judge(memory Memory, facts Facts) (Report, Memory) {
	if facts.Objects == nil {
		return memory.silence(facts)
	}
	look := newLook(memory, facts)
	report := Report{
		States: make(map[string]State, len(facts.Machines)), Answered: facts.Now, LookAgain: lookLater,
	}
	next := Memory{looked: facts.Now, leases: look.leases, states: map[string]State{}}
	judge := func(machine Machine) State {
		state := look.state(machine).settle(look.verdict(machine), memory.before(machine, facts.Now), facts.Now)
		if !state.Current && machine.DataGiven {
			report.LookAgain = lookSoon
		}
		next.states[machine.Name] = state
		return state
	}
	for _, machine := range facts.Machines {
		report.States[machine.Name] = judge(machine)
	}
	for _, stray := range look.strays {
		report.Strays = append(report.Strays, strayOf(stray.Name, judge(Machine{Name: stray.Name, DataGiven: true})))
	}
	return report, next
}

// strayOf is a member without a Machine. Its verdict is either of now or unknown: nobody shows the one before.
func strayOf(name string, state State) controlplane.Member {
	member := controlplane.Member{
		Name: name, Membership: state.Membership, Health: state.Health, Leaving: state.Leaving,
	}
	if !state.Current {
		member.Health = controlplane.HealthUnknown
	}
	return member
}

// before is the verdict that is kept when there is no new one.
func (m Memory) before(machine Machine, now time.Time) State {
	if state, known := m.states[machine.Name]; known {
		return state
	}
	return State{Membership: controlplane.Unknown, Health: machine.Reported, decided: now}
}

// silence keeps what was known for the grace period.
func (m Memory) silence(facts Facts) (Report, Memory) {
	report := Report{
		States: make(map[string]State, len(facts.Machines)), Answered: m.looked, LookAgain: lookLater,
	}
	for _, machine := range facts.Machines {
		state := m.before(machine, facts.Now)
		state.Current = false
		state.Health, state.Message = state.kept(verdict{message: m.silent()}, facts.Now)
		if facts.Now.Sub(m.looked) > GracePeriod {
			state.Membership = controlplane.Unknown
		}
		report.States[machine.Name] = state
	}
	return report, Memory{looked: m.looked, leases: m.leases, states: report.States}
}

func (m Memory) silent() string {
	if m.looked.IsZero() {
		return "the workload cluster has not answered yet"
	}
	return "the workload cluster has not answered since " + stamp(m.looked)
}

// look is one look at a workload cluster.
type look struct {
	facts   Facts
	members map[string]EtcdMember
	nodes   map[string]ControlNode
	leases  map[string]sighting
	strays  []EtcdMember
}

func newLook(memory Memory, facts Facts) look {
	l := look{
		facts: facts, members: map[string]EtcdMember{}, nodes: map[string]ControlNode{},
		leases: memory.sight(facts.Objects.Leases, facts.Now),
	}
	for _, node := range facts.Objects.ControlNodes {
		l.nodes[node.Name] = node
	}
	for _, member := range facts.Objects.Members {
		l.members[member.Name] = member
		if !slices.ContainsFunc(facts.Machines, func(m Machine) bool { return m.Name == member.Name }) {
			l.strays = append(l.strays, member)
		}
	}
	return l
}

// state is what does not depend on the look before.
func (l look) state(machine Machine) State {
	member := l.members[machine.Name]
	return State{
		Membership: l.membership(machine), Leaving: member.Leave, Version: l.version(machine.Name),
		PeerAddress: member.PeerAddress, Lease: l.leaseName(member),
	}
}

func (l look) membership(machine Machine) controlplane.Membership {
	member, known := l.members[machine.Name]
	switch {
	case l.facts.Storage != StorageEtcd:
		return l.presence(machine)
	case !known && machine.DataGiven:
		return controlplane.Learner
	case !known:
		return controlplane.NotMember
	case member.Joined == JoinedTrue:
		return controlplane.Voting
	case member.Joined == JoinedFalse:
		return controlplane.Left
	default:
		return controlplane.Unknown
	}
}

// presence stands for membership where there are no members: a controller that has been seen at work is taken for a full
// one. It is seen by its ControlNode, or, where there are none, by the lease that it holds.
func (l look) presence(machine Machine) controlplane.Membership {
	_, seen := l.nodes[machine.Name]
	switch {
	case seen || machine.WasMember:
		return controlplane.Voting
	case !machine.DataGiven:
		return controlplane.NotMember
	case len(l.nodes) == 0 && l.counted().freshness == fresh:
		return controlplane.Voting
	default:
		return controlplane.Learner
	}
}

// version is the release that runs. A ControlNode that does not tell it, or tells none of ours, does not tell.
func (l look) version(name string) k0sversion.Version {
	running, err := k0sversion.Parse(l.nodes[name].Version)
	if err != nil {
		return k0sversion.Version{}
	}
	return running
}

func (l look) leaseName(member EtcdMember) string {
	switch evidenceOf(member, l.version(member.Name)) {
	case byName:
		return member.Lease
	case byHolder:
		return l.heldBy(member.Invocation)
	default:
		return ""
	}
}

func (l look) heldBy(invocation string) string {
	for name, seen := range l.leases {
		if seen.lease.Holder == invocation {
			return name
		}
	}
	return ""
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func (l look) notMember(machine Machine) verdict {
	switch l.membership(machine) {
	case controlplane.Learner:
		return verdict{final: true, message: "is no voting member of etcd yet: it may be joining, or a learner"}
	case controlplane.Left:
		return verdict{freshness: stale, message: "has left etcd"}
	case controlplane.NotMember:
		return verdict{final: true, message: "was not started yet"}
	default:
		return verdict{final: true, message: fmt.Sprintf("EtcdMember %s does not say whether it has joined", machine.Name)}
	}
}
