// SPDX-License-Identifier: Apache-2.0

package k0snode

import (
	"fmt"
	"maps"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
)

// verdict is what the leases say about a controller.
type verdict struct {
	freshness freshness
	message   string
	// final tells that another look would say the same: the verdict before is not kept.
	final bool
}

func (l look) verdict(machine Machine) verdict {
	switch {
	case l.facts.Storage != StorageEtcd && !machine.DataGiven:
		return verdict{final: true, message: "was not started yet"}
	case l.facts.Storage != StorageEtcd:
		return l.counted()
	case l.membership(machine) != controlplane.Voting:
		return l.notMember(machine)
	default:
		return l.ofMember(l.members[machine.Name])
	}
}

func (l look) ofMember(member EtcdMember) verdict {
	name := l.leaseName(member)
	switch evidenceOf(member, l.version(member.Name)) {
	case byName:
		return l.ofLease(name, member.Invocation)
	case byHolder:
		if name == "" {
			return verdict{freshness: stale, message: "k0s does not run: it holds no lease"}
		}
		return l.ofLease(name, member.Invocation)
	default:
		return l.counted()
	}
}

// ofLease judges by a lease that is known to be the controller's.
func (l look) ofLease(name, invocation string) verdict {
	seen, exists := l.leases[name]
	switch {
	case !exists:
		return verdict{freshness: stale, message: fmt.Sprintf("k0s does not run: lease %s does not exist", name)}
	case seen.lease.Holder == "":
		return verdict{freshness: stale, message: fmt.Sprintf("k0s has stopped: it has released its lease %s", name)}
	case seen.lease.Holder != invocation:
		return verdict{freshness: stale, message: fmt.Sprintf(
			"k0s is starting, or another machine has the same host name: lease %s is held by another start of k0s", name)}
	}
	return l.renewal(name, seen)
}

func (l look) renewal(name string, seen sighting) verdict {
	switch seen.freshness(l.facts.Now) {
	case fresh:
		return verdict{freshness: fresh}
	case stale:
		return verdict{freshness: stale, message: fmt.Sprintf(
			"k0s has not renewed its lease %s since %s: k0s, its API server or its etcd member does not work",
			name, stamp(seen.since))}
	default:
		return verdict{message: "waiting to see lease " + name + " being renewed"}
	}
}

// counted judges all controllers whose lease is not known at once, by counting. Another machine's lease can be taken for
// one of theirs only if there is a controller that is neither a Machine nor a member of etcd.
func (l look) counted() verdict {
	machines, joining := l.uncounted()
	tally := map[freshness]int{}
	for _, seen := range l.unnamed() {
		if seen.lease.Holder != "" {
			tally[seen.freshness(l.facts.Now)]++
		}
	}
	switch {
	case tally[fresh] >= machines:
		return verdict{freshness: fresh}
	case tally[fresh]+tally[undecided] == 0:
		return verdict{freshness: stale, message: "no controller renews its lease"}
	case tally[fresh]+tally[undecided] >= machines:
		return verdict{message: "waiting to see the leases of the controllers being renewed"}
	case tally[fresh]+tally[undecided] >= machines-joining:
		return verdict{message: "a controller that joins has no lease yet; this release of k0s tells not which is whose"}
	}
	return verdict{final: true, message: fmt.Sprintf(
		"%d of %d controllers renew their lease; this release of k0s does not tell which",
		tally[fresh]+tally[undecided],
		machines,
	)}
}

// uncounted is how many controllers there may be whose lease is not known, and how many of them have not joined yet.
func (l look) uncounted() (count, joining int) {
	for _, machine := range l.facts.Machines {
		member := l.members[machine.Name]
		if !machine.DataGiven || member.Joined == JoinedFalse || l.leaseName(member) != "" {
			continue
		}
		count++
		if l.mayBeJoining(machine) {
			joining++
		}
	}
	for _, stray := range l.strays {
		if stray.Joined != JoinedFalse && l.leaseName(stray) == "" {
			count++
		}
	}
	return count, joining
}

// mayBeJoining tells that a controller that has its data has not been seen as a full one.
func (l look) mayBeJoining(machine Machine) bool {
	if l.facts.Storage == StorageEtcd {
		_, known := l.members[machine.Name]
		return !known
	}
	_, seen := l.nodes[machine.Name]
	return !seen && !machine.WasMember && len(l.nodes) > 0
}

// unnamed are the leases that are not known to be somebody's.
func (l look) unnamed() map[string]sighting {
	rest := maps.Clone(l.leases)
	for _, member := range l.members {
		delete(rest, l.leaseName(member))
	}
	return rest
}
