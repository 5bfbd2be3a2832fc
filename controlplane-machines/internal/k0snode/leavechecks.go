// SPDX-License-Identifier: Apache-2.0

package k0snode

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
)

func released(f LeaveFacts) *LeaveStep {
	if f.Leaving.Hook {
		return nil
	}
	return &LeaveStep{Step: StepNone, Reason: HookReleased, Message: "the machine is being terminated"}
}

func clusterDeleted(f LeaveFacts) *LeaveStep {
	if !f.ClusterDeleted {
		return nil
	}
	return release(EscapeClusterDeleted, "the cluster is being deleted: etcd ends with it")
}

func atHook(f LeaveFacts) *LeaveStep {
	if f.Leaving.AtHook {
		return nil
	}
	return wait(WaitingForDrain, "waiting for Cluster API to drain the Node and to detach its volumes")
}

func otherHooks(f LeaveFacts) *LeaveStep {
	if len(f.Leaving.OtherHooks) == 0 {
		return nil
	}
	return wait(WaitingForOtherHooks, "waiting for other hooks: "+strings.Join(f.Leaving.OtherHooks, ", "))
}

// noMembers lets go where there is no etcd of k0s. What k0s wrote about the controller is removed if it can be.
func noMembers(f LeaveFacts) *LeaveStep {
	if f.Snapshot.Etcd.Managed {
		return nil
	}
	return removeThenRelease(f, EscapeNoMembers, "k0s runs no etcd here: there is nothing to leave")
}

// neverGiven lets go a machine that was never told how to join.
func neverGiven(f LeaveFacts) *LeaveStep {
	machine := f.machine()
	if machine.Data.Written || machine.WasMember || f.member() != nil {
		return nil
	}
	return removeThenRelease(
		f,
		EscapeNeverJoined,
		"the machine was never told how to join etcd: there is nothing to leave",
	)
}

// neverBegan lets go a first controller that has not started its cluster: it is nobody's member, and nobody is there to
// be asked.
func neverBegan(f LeaveFacts) *LeaveStep {
	machine := f.machine()
	if machine.Role != controlplane.First || f.Snapshot.Initialized || machine.WasMember || f.member() != nil {
		return nil
	}
	return removeThenRelease(f, EscapeNeverJoined, "the machine has not started its cluster: there is nothing to leave")
}

// silent waits for the workload cluster, for a while. A machine is let go alone then, too: the others wait for their turn
// until its Machine is gone.
func silent(f LeaveFacts) *LeaveStep {
	if f.Objects != nil {
		return nil
	}
	if step := turn(f); step != nil {
		return step
	}
	quiet := f.Leaving.Since
	if f.Answered.After(quiet) {
		quiet = f.Answered
	}
	if until := quiet.Add(silenceLimit); !f.Snapshot.Now.After(until) {
		return f.waitUntil(until, WaitingForAPI, fmt.Sprintf(
			"waiting for the workload cluster to answer, to have etcd member %s leave; without an answer by %s the machine is "+
				"terminated all the same", f.Leaving.Name, stamp(until)))
	}
	if step := recordLeftOver(f); step != nil {
		return step
	}
	return release(EscapeAPIDead, fmt.Sprintf(
		"the workload cluster has not answered since %s: the machine is terminated although etcd may count it as a member; "+
			"when the cluster answers again, the member is removed", stamp(quiet)))
}

// turn has members leave one after the other. What is no member needs no turn.
func turn(f LeaveFacts) *LeaveStep {
	before := slices.Clone(f.Leaving.Before)
	if f.Objects != nil {
		for _, member := range f.Objects.Members {
			if member.Leave && member.Joined != JoinedFalse && !slices.Contains(before, member.Name) {
				before = append(before, member.Name)
			}
		}
	}
	if len(before) == 0 {
		return nil
	}
	return wait(WaitingForTurn, "waiting for "+strings.Join(before, ", ")+" to leave: members leave etcd one at a time")
}

// missing holds a machine whose vote cannot be seen: it would take it along.
func missing(f LeaveFacts) *LeaveStep {
	machine := f.machine()
	switch {
	case f.member() != nil:
		return nil
	case f.Leaving.HasLeft:
		return removeThenRelease(f, MemberLeft, "etcd member "+f.Leaving.Name+" has left")
	case !machine.WasMember:
		return nil
	default:
		return wait(WaitingForMember, fmt.Sprintf("the machine was a member of etcd, and EtcdMember %s is missing, so that "+
			"it cannot be asked to leave: a restart of k0s on it writes it anew", f.Leaving.Name))
	}
}

// neverJoined is about machines that were told how to join and are no members. One could still become a member until it is
// gone, and then take its vote along: so its token is revoked, and what it has asked for before gets the time to show.
func neverJoined(f LeaveFacts) *LeaveStep {
	if f.member() != nil {
		return nil
	}
	revoked := f.Leaving.TokenRevoked
	if revoked.IsZero() {
		return &LeaveStep{
			Step: StepRevokeToken, Reason: WaitingForJoin,
			Message: "the machine is no member of etcd: revoking its join token, so that it does not become one now",
		}
	}
	if until := revoked.Add(showTime); f.Snapshot.Now.Before(until) {
		return f.waitUntil(until, WaitingForJoin, fmt.Sprintf(
			"the machine may have asked to join etcd before its token was revoked: waiting until %s for it to appear as a member",
			stamp(until),
		))
	}
	if step := recordLeftOver(f); step != nil {
		return step
	}
	return removeThenRelease(f, EscapeNeverJoined, "the machine is no member of etcd: there is nothing to leave")
}

// recordLeftOver remembers that a machine that goes may have asked to join: etcd may hold a member that never ran.
func recordLeftOver(f LeaveFacts) *LeaveStep {
	if !f.mayBeLeftOver() {
		return nil
	}
	return &LeaveStep{
		Step:    StepRecordLeftOver,
		Reason:  EscapeNeverJoined,
		Message: "the machine goes without having been seen as a member of etcd, which may hold one of its name: recording it",
	}
}

// mayBeLeftOver tells whether a machine that goes may have asked to join, and that is not recorded yet. A member at the
// same address disproves it: etcd takes no second one there. Without its config nobody knows its role: then it may have.
func (f LeaveFacts) mayBeLeftOver() bool {
	machine := f.machine()
	started := !machine.Data.Consumed.IsZero() || machine.Data.Written && f.Leaving.Address != ""
	if machine.Role == controlplane.First || !started || machine.WasMember || f.Leaving.HasLeft {
		return false
	}
	recorded := slices.ContainsFunc(f.Snapshot.Etcd.LeftOver, func(left controlplane.LeftOver) bool {
		return left.Machine == f.Leaving.Name || left.Address != "" && left.Address == f.Leaving.Address
	})
	taken := f.Objects != nil && slices.ContainsFunc(f.Objects.Members, func(member EtcdMember) bool {
		return member.PeerAddress != "" && member.PeerAddress == f.Leaving.Address
	})
	return !recorded && !taken
}

func left(f LeaveFacts) *LeaveStep {
	if f.member().Joined != JoinedFalse {
		return nil
	}
	return remove(f, MemberLeft, "etcd member "+f.Leaving.Name+" has left")
}

// requested waits for k0s. A controller that starts again withdraws the request: then it is made again.
func requested(f LeaveFacts) *LeaveStep {
	member := f.member()
	if !member.Leave {
		return nil
	}
	return wait(WaitingForLeave, fmt.Sprintf("waiting for etcd member %s to leave; k0s says: %s",
		member.Name, cmp.Or(member.Message, "nothing yet")))
}

// successor keeps the only voting member while others are joining it, and lets the last one go.
func successor(f LeaveFacts) *LeaveStep {
	joining, voting := f.others()
	switch {
	case voting > 0:
		return nil
	case joining > 0:
		return wait(
			WaitingForSuccessor,
			"it is the only voting member of etcd, and there are others that have not joined yet: "+
				"waiting for one of them to become a voting member, or for all of them to be gone",
		)
	default:
		return release(EscapeLastMember, "it is the last member of etcd: the data of the cluster end with it")
	}
}

// others counts the other Machines that may still join, and the other members.
func (f LeaveFacts) others() (joining, voting int) {
	for i := range f.Snapshot.Machines {
		switch m := &f.Snapshot.Machines[i]; {
		case m.Name == f.Leaving.Name || m.HalfMade() || m.Membership == controlplane.Left:
		case m.MayVote():
			voting++
		default:
			joining++
		}
	}
	for i := range f.Snapshot.Strays {
		if f.Snapshot.Strays[i].MayVote() {
			voting++
		}
	}
	return joining, voting
}

// quorum holds back a leave after which too few of the others would work.
func quorum(f LeaveFacts) *LeaveStep {
	others := f.Snapshot.QuorumWithout(f.Leaving.Name)
	if others.Holds() {
		return nil
	}
	return wait(WaitingForQuorum, fmt.Sprintf(
		"of the %d other voting members of etcd %d are known to be healthy, and %d are needed: waiting for them to recover",
		others.Voting, others.Voting-others.Unhealthy, others.Voting/2+1))
}

func remove(f LeaveFacts, reason, why string) *LeaveStep {
	return &LeaveStep{
		Step: StepRemoveObjects, Reason: reason, Objects: f.objects(),
		Message: why + ": removing what k0s wrote about its controller",
	}
}

// removeThenRelease removes what k0s wrote about the controller, as far as it is seen, and then lets the machine go.
func removeThenRelease(f LeaveFacts, reason, why string) *LeaveStep {
	if f.objects() != (LeftObjects{}) {
		return remove(f, reason, why)
	}
	return release(reason, why)
}
