// SPDX-License-Identifier: Apache-2.0

package k0snode

import (
	"slices"
	"time"
)

const (
	// joinWindow is how long a machine that was given its data may take to appear as a member. Until then it is not let go:
	// it would leave a member behind that nobody asked to leave.
	joinWindow = 5 * time.Minute
	// silenceLimit is how long the workload cluster may be silent before a machine is let go without having left: longer
	// than the grace period of verdicts, because what is let go cannot be taken back.
	silenceLimit = 10 * time.Minute
)

// Step is what is done next about a Machine that is being deleted.
type Step string

// The steps, in the order of an orderly leave. k0s itself moves its leadership elsewhere before a leader leaves, and etcd
// does with its own, so there is no step for that.
const (
	// StepNone: there is nothing to do: the hook is not there.
	StepNone Step = "None"
	// StepWait: something is awaited.
	StepWait Step = "Wait"
	// StepRequestLeave: set spec.leave of the EtcdMember.
	StepRequestLeave Step = "RequestLeave"
	// StepRemoveObjects: delete the EtcdMember, the ControlNode and the lease, those that exist.
	StepRemoveObjects Step = "RemoveObjects"
	// StepRelease: remove the hook from the Machine, and let Cluster API terminate it.
	StepRelease Step = "Release"
)

// Reasons of steps.
const (
	// HookReleased: the hook is gone already.
	HookReleased = "HookReleased"
	// WaitingForDrain: Cluster API has not come to the hook yet: it drains the Node, or waits for pre-drain hooks.
	WaitingForDrain = "WaitingForDrain"
	// WaitingForOtherHooks: hooks of others come first, because with ours the machine ends.
	WaitingForOtherHooks = "WaitingForOtherHooks"
	// WaitingForTurn: another Machine leaves first.
	WaitingForTurn = "WaitingForTurn"
	// WaitingForAPI: the workload cluster does not answer.
	WaitingForAPI = "WaitingForAPI"
	// WaitingForJoin: the machine may be joining right now.
	WaitingForJoin = "WaitingForJoin"
	// WaitingForSuccessor: it is the only voting member, and others have not joined yet.
	WaitingForSuccessor = "WaitingForSuccessor"
	// WaitingForQuorum: without it, too few of the others would be healthy.
	WaitingForQuorum = "WaitingForQuorum"
	// LeaveRequested: k0s is asked to let the member leave.
	LeaveRequested = "LeaveRequested"
	// WaitingForLeave: k0s was asked and has not done it yet.
	WaitingForLeave = "WaitingForLeave"
	// MemberLeft: the member has left: what k0s wrote about it is removed, then the machine is let go.
	MemberLeft = "MemberLeft"
	// EscapeClusterDeleted: the cluster ends, so nobody needs a quorum.
	EscapeClusterDeleted = "ClusterDeleted"
	// EscapeNoMembers: k0s runs no etcd: there is nothing to leave.
	EscapeNoMembers = "NoMembers"
	// EscapeNeverJoined: the machine is no member, and had time to become one.
	EscapeNeverJoined = "NeverJoined"
	// EscapeAPIDead: the workload cluster has been silent for too long: nobody can be asked.
	EscapeAPIDead = "APIDead"
	// EscapeLastMember: it is the last member: nobody is left whom it could leave.
	EscapeLastMember = "LastMember"
)

// Leaving is a Machine that is being deleted.
type Leaving struct {
	// Name is its name.
	Name string
	// Since is when its deletion was asked for.
	Since time.Time
	// DataGiven is when its bootstrap data began to exist; zero when they never did.
	DataGiven time.Time
	// Hook tells that our hook is on it.
	Hook bool
	// AtHook tells that Cluster API has come to the pre-terminate hooks: the Node is drained, or needs no draining.
	AtHook bool
	// OtherHooks are the names of pre-terminate hooks of others on it.
	OtherHooks []string
	// Before are the names of Machines that leave first: those whose deletion was asked for earlier, the hook still on.
	Before []string
}

// LeaveFacts are what a step is decided from.
type LeaveFacts struct {
	// Now is the time by our clock.
	Now time.Time
	// Leaving is the Machine.
	Leaving Leaving
	// ClusterDeleted tells that the Cluster or the control plane is being deleted.
	ClusterDeleted bool
	// Storage is where the API servers keep their data.
	Storage Storage
	// Objects are what k0s has written; nil when the workload cluster did not answer.
	Objects *Objects
	// Report is the judgement from the same objects.
	Report Report
}

// LeaveStep is a step with its reason.
type LeaveStep struct {
	// Step is what is done.
	Step Step
	// Reason is why, for conditions and tests.
	Reason string
	// Message is why, for people.
	Message string
	// Objects are the names of what StepRemoveObjects removes; empty names are not there.
	Objects LeftObjects
}

// LeftObjects are the names of what a controller that has left leaves behind in the workload cluster.
type LeftObjects struct {
	// EtcdMember, ControlNode and Lease are names; empty where there is nothing to remove.
	EtcdMember, ControlNode, Lease string
}

// leaveCheck answers with a step, or with none when the next check is to be asked.
type leaveCheck func(LeaveFacts) *LeaveStep

// leaveChecks are asked in this order; the first answer counts.
func leaveChecks() []leaveCheck {
	return []leaveCheck{
		released, clusterDeleted, atHook, otherHooks, silent, noMembers, joining, left, requested, turn, successor, quorum,
	}
}

// DecideLeave answers with exactly one step for a Machine that is being deleted.
func DecideLeave(facts LeaveFacts) LeaveStep {
	for _, check := range leaveChecks() {
		if step := check(facts); step != nil {
			return *step
		}
	}
	return LeaveStep{
		Step: StepRequestLeave, Reason: LeaveRequested, Message: "asking etcd member " + facts.Leaving.Name + " to leave",
	}
}

// member is the EtcdMember of the Machine, nil when there is none.
func (f LeaveFacts) member() *EtcdMember {
	index := slices.IndexFunc(f.Objects.Members, func(m EtcdMember) bool { return m.Name == f.Leaving.Name })
	if index < 0 {
		return nil
	}
	return &f.Objects.Members[index]
}

// objects are those of the Machine that are still there.
func (f LeaveFacts) objects() LeftObjects {
	var objects LeftObjects
	name := f.Leaving.Name
	member := f.member()
	if member != nil {
		objects.EtcdMember = name
	}
	if slices.ContainsFunc(f.Objects.ControlNodes, func(n ControlNode) bool { return n.Name == name }) {
		objects.ControlNode = name
	}
	if member == nil || member.Lease == "" {
		return objects
	}
	if slices.ContainsFunc(f.Objects.Leases, func(l Lease) bool { return l.Name == member.Lease }) {
		objects.Lease = member.Lease
	}
	return objects
}

func wait(reason, message string) *LeaveStep {
	return &LeaveStep{Step: StepWait, Reason: reason, Message: message}
}

func release(reason, message string) *LeaveStep {
	return &LeaveStep{Step: StepRelease, Reason: reason, Message: message}
}
