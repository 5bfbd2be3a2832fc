// SPDX-License-Identifier: Apache-2.0

package controlplane

// Quorum counts the members of etcd that vote, and those of them that do not answer. What is not known counts as a member
// that does not answer.
type Quorum struct {
	Voting    int
	Unhealthy int
}

// Holds tells that etcd works: more than half of the votes are given.
func (q Quorum) Holds() bool { return q.Voting-q.Unhealthy >= q.Voting/2+1 }

// With is the quorum once one more member has joined and, at the worst, has failed right then. Only beside a single member
// is it expected to work: two members need each other, and there is no other way from one to three.
func (q Quorum) With() Quorum {
	if q.Voting <= 1 {
		return q.plus(0)
	}
	return q.plus(1)
}

// voter is a member with or without a Machine.
type voter interface{ IsHealthy() bool }

func (q Quorum) counting(v voter) Quorum {
	if v.IsHealthy() {
		return q.plus(0)
	}
	return q.plus(1)
}

func (q Quorum) plus(unhealthy int) Quorum {
	return Quorum{Voting: q.Voting + 1, Unhealthy: q.Unhealthy + unhealthy}
}

// Quorum counts the members as they are. It means nothing where etcd is not managed.
func (s *Snapshot) Quorum() Quorum { return s.QuorumWithout("") }

// QuorumWithout counts the members as they will be once the one of that name has left.
func (s *Snapshot) QuorumWithout(name string) Quorum {
	q := s.leftOver()
	for i := range s.Machines {
		if m := &s.Machines[i]; m.Name != name && s.countsOn(m) {
			q = q.counting(m)
		}
	}
	for i := range s.Strays {
		if m := &s.Strays[i]; m.Name != name && m.MayVote() {
			q = q.counting(m)
		}
	}
	return q
}

// leftOver counts members that vote without a Machine and without ever having run.
func (s *Snapshot) leftOver() Quorum {
	if !s.Etcd.JoinersVote {
		return Quorum{}
	}
	return Quorum{Voting: len(s.Etcd.LeftOver), Unhealthy: len(s.Etcd.LeftOver)}
}

// countsOn tells whether etcd may count on the vote of a Machine, alive or not.
func (s *Snapshot) countsOn(m *Machine) bool {
	return m.MayVote() || s.Etcd.JoinersVote && m.MayBeJoining()
}
