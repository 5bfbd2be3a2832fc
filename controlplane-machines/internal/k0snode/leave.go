// SPDX-License-Identifier: Apache-2.0

package k0snode

import (
	"slices"
	"time"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
)

const (
	// showTime is how long a machine whose join token is revoked may take to show as a member: a call that it made before
	// is answered, and what it has added to etcd is promoted, by then. Until then it is not let go: it would take a vote
	// with it that nobody has seen.
	showTime = 2 * time.Minute
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
	// StepRevokeToken: revoke the join token of the machine in the workload cluster, and when that has succeeded, or there
	// is no token, record the time on the Machine.
	StepRevokeToken Step = "RevokeToken"
	// StepRecordLeftOver: record on the control plane that the machine may have left a member behind.
	StepRecordLeftOver Step = "RecordLeftOver"
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
	// WaitingForTurn: another member leaves first.
	WaitingForTurn = "WaitingForTurn"
	// WaitingForAPI: the workload cluster does not answer.
	WaitingForAPI = "WaitingForAPI"
	// WaitingForJoin: the machine may be joining right now, or may have asked to.
	WaitingForJoin = "WaitingForJoin"
	// WaitingForMember: it was a member, and its EtcdMember is missing: it cannot be asked to leave.
	WaitingForMember = "WaitingForMember"
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
	// EscapeNeverJoined: the machine is no member, and cannot become one any more.
	EscapeNeverJoined = "NeverJoined"
	// EscapeAPIDead: the workload cluster has been silent for too long: nobody can be asked.
	EscapeAPIDead = "APIDead"
	// EscapeLastMember: it is the last member: nobody is left whom it could leave.
	EscapeLastMember = "LastMember"
)

// Leaving is a Machine that is being deleted. What else is known of it stands in the snapshot.
type Leaving struct {
	// Name is its name.
	Name string
	// Since is when its deletion was asked for.
	Since time.Time
	// Hook tells that our hook is on it.
	Hook bool
	// AtHook tells that Cluster API has come to the pre-terminate hooks: the Node is drained, or needs no draining.
	AtHook bool
	// OtherHooks are the names of pre-terminate hooks of others on it.
	OtherHooks []string
	// Before are the names of Machines that leave first: those whose deletion was asked for earlier, the hook still on.
	Before []string
	// HasLeft tells that it was a member and has been seen to leave.
	HasLeft bool
	// TokenRevoked is when its join token was revoked; zero when it was not.
	TokenRevoked time.Time
	// Address is where it may be a member; empty when it has reported none.
	Address string
}

// LeaveFacts are what a step is decided from.
type LeaveFacts struct {
	// Leaving is the Machine.
	Leaving Leaving
	// ClusterDeleted tells that the control plane is being deleted, and that no worker needs it any more.
	ClusterDeleted bool
	// Objects are what k0s has written; nil when the workload cluster did not answer.
	Objects *Objects
	// Answered is when the workload cluster last answered; zero when it never did.
	Answered time.Time
	// Snapshot are all facts about the control plane, made from the same objects.
	Snapshot controlplane.Snapshot
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
	// After is when time alone changes the answer; zero when only events do.
	After time.Duration
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
		released, clusterDeleted, atHook, otherHooks, noMembers, neverGiven, neverBegan, silent,
		missing, neverJoined, left, requested, turn, successor, quorum,
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

// machine is the Machine in the snapshot. One that is not there is taken for a member that cannot be seen.
func (f LeaveFacts) machine() controlplane.Machine {
	for _, machine := range f.Snapshot.Machines {
		if machine.Name == f.Leaving.Name {
			return machine
		}
	}
	return controlplane.Machine{
		Name: f.Leaving.Name, Membership: controlplane.Unknown, WasMember: true,
		Data: controlplane.Data{Written: true, Consumed: f.Leaving.Since},
	}
}

// member is the EtcdMember of the Machine, nil when there is none.
func (f LeaveFacts) member() *EtcdMember {
	if f.Objects == nil {
		return nil
	}
	return f.Objects.member(f.Leaving.Name)
}

// objects are those of the Machine that are still there.
func (f LeaveFacts) objects() LeftObjects { return f.Objects.of(f.Leaving.Name) }

// Remains are the objects of members that have left and have no Machine any more: it was terminated while the workload
// cluster was silent, or the member was no Machine's. Nobody else removes them.
func Remains(objects *Objects, strays []controlplane.Member) []LeftObjects {
	var remains []LeftObjects
	for _, stray := range strays {
		if stray.Membership == controlplane.Left {
			remains = append(remains, objects.of(stray.Name))
		}
	}
	return remains
}

// of are the objects that k0s wrote about one controller.
func (o *Objects) of(name string) LeftObjects {
	var left LeftObjects
	if o == nil {
		return left
	}
	if slices.ContainsFunc(o.ControlNodes, func(n ControlNode) bool { return n.Name == name }) {
		left.ControlNode = name
	}
	member := o.member(name)
	if member == nil {
		return left
	}
	left.EtcdMember = name
	if slices.ContainsFunc(o.Leases, func(l Lease) bool { return l.Name == member.Lease }) {
		left.Lease = member.Lease
	}
	return left
}

func (o *Objects) member(name string) *EtcdMember {
	index := slices.IndexFunc(o.Members, func(m EtcdMember) bool { return m.Name == name })
	if index < 0 {
		return nil
	}
	return &o.Members[index]
}

func wait(reason, message string) *LeaveStep {
	return &LeaveStep{Step: StepWait, Reason: reason, Message: message}
}

// waitUntil is a wait that time ends.
func (f LeaveFacts) waitUntil(until time.Time, reason, message string) *LeaveStep {
	step := wait(reason, message)
	step.After = max(until.Sub(f.Snapshot.Now), time.Second)
	return step
}

func release(reason, message string) *LeaveStep {
	return &LeaveStep{Step: StepRelease, Reason: reason, Message: message}
}
