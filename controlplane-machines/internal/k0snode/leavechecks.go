// SPDX-License-Identifier: Apache-2.0

package k0snode

import (
	"cmp"
	"fmt"
	"strings"
	"time"

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

// silent waits for the workload cluster, for a while. A machine is let go alone then, too: the others wait for their turn
// until its Machine is gone.
func silent(f LeaveFacts) *LeaveStep {
	if f.Objects != nil || f.Storage != StorageEtcd {
		return nil
	}
	if step := turn(f); step != nil {
		return step
	}
	quiet := f.Leaving.Since
	if f.Report.Answered.After(quiet) {
		quiet = f.Report.Answered
	}
	if f.Now.Sub(quiet) <= silenceLimit {
		return wait(WaitingForAPI, fmt.Sprintf(
			"waiting for the workload cluster to answer, to have etcd member %s leave; without an answer by %s the machine is "+
				"terminated all the same", f.Leaving.Name, stamp(quiet.Add(silenceLimit))))
	}
	return release(EscapeAPIDead, fmt.Sprintf(
		"the workload cluster has not answered since %s: the machine is terminated although etcd may count it as a member; "+
			"when the cluster answers again, the member is removed", stamp(quiet)))
}

// turn has members leave one after the other. What is no member needs no turn.
func turn(f LeaveFacts) *LeaveStep {
	if len(f.Leaving.Before) == 0 {
		return nil
	}
	return wait(WaitingForTurn, "waiting for "+strings.Join(f.Leaving.Before, ", ")+
		" to leave: members leave etcd one at a time")
}

// noMembers lets go where there is no etcd of k0s. What k0s wrote about the controller is removed if it can be.
func noMembers(f LeaveFacts) *LeaveStep {
	if f.Storage == StorageEtcd {
		return nil
	}
	if f.Objects != nil && f.objects() != (LeftObjects{}) {
		return remove(f, EscapeNoMembers, "k0s runs no etcd here")
	}
	return release(EscapeNoMembers, "k0s runs no etcd here: there is nothing to leave")
}

// joining is about machines without an EtcdMember.
func joining(f LeaveFacts) *LeaveStep {
	if f.member() != nil {
		return nil
	}
	until := f.Leaving.DataGiven.Add(joinWindow)
	if !f.Leaving.DataGiven.IsZero() && f.Now.Before(until) {
		return wait(WaitingForJoin, fmt.Sprintf(
			"the machine has its data and may be joining etcd right now: waiting until %s for it to appear as a member",
			stamp(until)))
	}
	if f.objects() != (LeftObjects{}) {
		return remove(f, EscapeNeverJoined, "the machine is no member of etcd")
	}
	return release(EscapeNeverJoined, "the machine is no member of etcd: there is nothing to leave")
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
	others := f.others()
	if others.Voting > 0 {
		return nil
	}
	if others.maybe > 0 {
		return wait(
			WaitingForSuccessor,
			"it is the only voting member of etcd, and there are others that have not joined yet: "+
				"waiting for one of them to become a voting member, or for all of them to be gone",
		)
	}
	return release(EscapeLastMember, "it is the last member of etcd: the data of the cluster end with it")
}

// quorum holds back a leave after which too few of the others would work.
func quorum(f LeaveFacts) *LeaveStep {
	others := f.others()
	if others.Holds() {
		return nil
	}
	return wait(WaitingForQuorum, fmt.Sprintf(
		"of the %d other voting members of etcd %d are known to be healthy, and %d are needed: waiting for them to recover",
		others.Voting, others.Voting-others.Unhealthy, others.Voting/2+1))
}

// voters are members of etcd.
type voters struct {
	controlplane.Quorum
	// maybe counts those that may join.
	maybe int
}

// others counts all but the Machine's own member, strays included: they have a voice, and nobody knows whether they work.
func (f LeaveFacts) others() voters {
	var count voters
	for name, state := range f.Report.States {
		switch {
		case name == f.Leaving.Name || state.Membership == controlplane.Left:
		case state.Membership == controlplane.Learner || state.Membership == controlplane.NotMember:
			count.maybe++
		case state.IsHealthyVoter():
			count.Voting++
		default:
			count.Voting++
			count.Unhealthy++
		}
	}
	for _, stray := range f.Report.Strays {
		if stray.Joined != JoinedFalse {
			count.Voting++
			count.Unhealthy++
		}
	}
	return count
}

func remove(f LeaveFacts, reason, why string) *LeaveStep {
	return &LeaveStep{
		Step: StepRemoveObjects, Reason: reason, Objects: f.objects(),
		Message: why + ": removing what k0s wrote about its controller",
	}
}

// LeftoverMessage names the member that a machine may have left behind when it was given its data and never became one:
// etcd may have added it and never heard of it. It is invisible from outside, has no voice, and takes its address and one
// of the places for learners. The time is when the machine was given up.
func LeftoverMessage(machine, address string, givenUp time.Time) string {
	return fmt.Sprintf(
		"machine %s was given up at %s before it joined: etcd may hold an unstarted learner at %s; look for it "+
			"on a controller with 'k0s etcd member-list' and remove it with 'k0s etcd leave --peer-address %s'",
		machine,
		stamp(givenUp),
		address,
		address,
	)
}
