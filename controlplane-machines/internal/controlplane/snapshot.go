// SPDX-License-Identifier: Apache-2.0

package controlplane

import "time"

// Strategy is the order in which outdated Machines are replaced.
type Strategy string

const (
	// Recreate adds a Machine, at most one more than replicas, and then removes an outdated one.
	Recreate Strategy = "Recreate"
	// RecreateDeleteFirst removes an outdated Machine and then adds one, so that there are never more than replicas. It
	// asks for three replicas: with less, etcd would lose its quorum or its data.
	RecreateDeleteFirst Strategy = "RecreateDeleteFirst"
)

// Snapshot is every fact that one pass decides from. It has no pointers to anything that changes.
type Snapshot struct {
	// Now is the one time of the pass.
	Now time.Time
	// Replicas is how many Machines are wanted. Admission refuses even numbers with managed etcd, and 0; the decisions
	// are safe with any number.
	Replicas int
	// Strategy is how outdated Machines are replaced. The zero value is Recreate.
	Strategy Strategy
	// Deletion tells whether the control plane is being deleted.
	Deletion Deletion
	// Initialized is status.initialization.controlPlaneInitialized: the API server has been reachable once. It must be
	// recorded only while a healthy Machine exists that is not being deleted, read live; otherwise a first controller that
	// is being replaced could leave behind a cluster that counts as initialised and has no member.
	Initialized bool
	// Certificates tells that all CAs exist.
	Certificates bool
	// Endpoint tells that the address of the API server is known, as it is baked into what a Machine is made of.
	Endpoint bool
	// FailureDomains are the names of the Cluster's failure domains that control planes may use. None: infrastructure has
	// no failure domains.
	FailureDomains []string
	// NextMachine is the recorded name of the next Machine. The reconciler clears it when it has seen the Machine, at the
	// latest before it deletes the Machine or lets it go, so that no name is used twice.
	NextMachine string
	// Machines are the Machines of this control plane and whatever else bears the name of one (see [Machine.HalfMade]).
	Machines []Machine
	// Strays are the EtcdMembers without a Machine.
	Strays []Member
	// Current tells that what is known of the workload cluster (memberships, health, strays) is what is there now: its API
	// answered within the last half minute. Otherwise these facts are the last ones seen.
	Current bool
	// Etcd is how etcd is run.
	Etcd Etcd
}

// Deletion is the deletion of the control plane itself.
type Deletion struct {
	// Requested tells that the object is being deleted.
	Requested bool
	// Workers counts the other Machines and MachinePools of the Cluster. They are drained and deleted through the API
	// server, which therefore goes last.
	Workers int
}

// Etcd is how the etcd of the cluster is run, and what it may still hold of Machines that are gone.
type Etcd struct {
	// Managed tells that k0s runs etcd on the Machines. Otherwise the state of the cluster lies elsewhere (kine, external
	// etcd): there are no members, [Voting] means that the controller of the Machine has been seen at work, and quorums do
	// not matter.
	Managed bool
	// JoinersVote tells that a joining member votes from the moment it is added (k0s before v1.35.5 and v1.36.1), alive or
	// not. Newer ones add a learner, which is made a voter when it runs and has caught up. With controllers of several
	// versions, one old one is enough.
	JoinersVote bool
	// MaxLearners is how many learners etcd takes: max-learners as the members run with it, 1 unless it is set.
	MaxLearners int
	// LeftOver are members that may still be in etcd though their Machine is gone: of Machines that had their bootstrap
	// data and went without ever having become a member. One that died between joining and its first start is seen nowhere
	// from outside, is never promoted, and occupies its address. Each is recorded when its Machine goes, and dropped when
	// an EtcdMember is seen at its address or when a user says that it has been removed.
	LeftOver []LeftOver
}

// LeftOver is a member that may be in etcd without ever having run.
type LeftOver struct {
	// Machine is the name of the Machine that is gone.
	Machine string
	// Address is the peer address that it may occupy; empty when the Machine reported none.
	Address string
}

// HasBegun tells whether this cluster was ever initialised. A Machine that joins, or that is or was a member, or a second
// Machine proves it as well as the status does, and survives that the status is lost (a move, a restore).
func (s *Snapshot) HasBegun() bool {
	machines := 0
	for i := range s.Machines {
		m := &s.Machines[i]
		if m.HalfMade() {
			continue
		}
		if machines++; machines > 1 || m.Role == Joining || m.Membership == Voting || m.WasMember {
			return true
		}
	}
	return s.Initialized
}
