// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"time"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
)

// Kind is what an Action does.
type Kind string

const (
	// Create makes the objects of a Machine that do not exist yet, in the order infrastructure, config, Machine; or, with
	// no name, records one and does no more.
	Create Kind = "Create"
	// Delete clears the record of the name, if it is recorded, and then removes what there is of it: a Machine; of a
	// half-made one its config and infrastructure; of a member without a Machine its vote, by asking it to leave.
	Delete Kind = "Delete"
	// Wait does nothing because something else must happen first.
	Wait Kind = "Wait"
	// Nothing does nothing because all is as wanted.
	Nothing Kind = "Nothing"
)

// Action is what a pass does.
type Action struct {
	// Kind tells what.
	Kind Kind
	// Reason is why, for machines: one of the constants below.
	Reason string
	// Message is for people: what happens next, why, and what to do where somebody must act. It is the same from pass to
	// pass while the facts are.
	Message string
	// Machine is the name that is created or deleted. Empty with Create: a new name is recorded first.
	Machine string
	// Role and FailureDomain are those of a created Machine.
	Role          controlplane.Role
	FailureDomain string
	// After is when time alone changes the answer; zero when only events do.
	After time.Duration
}

// RecordsName tells that a name is recorded and nothing else is done.
func (a Action) RecordsName() bool { return a.Kind == Create && a.Machine == "" }

// Reasons of Create and Delete.
const (
	// ReasonInitializing creates the first Machine.
	ReasonInitializing = "Initializing"
	// ReasonScalingUp creates because there are too few.
	ReasonScalingUp = "ScalingUp"
	// ReasonScalingDown deletes because there are too many.
	ReasonScalingDown = "ScalingDown"
	// ReasonRollingOut creates or deletes because some are outdated.
	ReasonRollingOut = "RollingOut"
	// ReasonHalfMade deletes what was begun and is not wanted any more.
	ReasonHalfMade = "HalfMade"
	// ReasonJoinTimedOut deletes a Machine that did not become a member in time.
	ReasonJoinTimedOut = "JoinTimedOut"
	// ReasonNotStarted deletes a Machine that has not started and is not wanted any more.
	ReasonNotStarted = "NotStarted"
	// ReasonStrayMember removes a dead member without a Machine, and waits for one that is not known to be dead.
	ReasonStrayMember = "StrayMember"
	// ReasonDeleting deletes because the control plane is being deleted.
	ReasonDeleting = "Deleting"
)

// Reasons of Wait.
const (
	// ReasonWaitingForWorkersDeletion: the control plane goes after the workers.
	ReasonWaitingForWorkersDeletion = "WaitingForWorkersDeletion"
	// ReasonWaitingForMachineDeletion: the control plane is being deleted, and so are its Machines.
	ReasonWaitingForMachineDeletion = "WaitingForMachineDeletion"
	// ReasonWaitingForCertificates: CAs are missing.
	ReasonWaitingForCertificates = "WaitingForCertificates"
	// ReasonWaitingForEndpoint: the address of the API server is not known.
	ReasonWaitingForEndpoint = "WaitingForEndpoint"
	// ReasonContactLost: the workload cluster does not answer.
	ReasonContactLost = "ContactLost"
	// ReasonMachineDeleting: a Machine is on its way out.
	ReasonMachineDeleting = "MachineDeleting"
	// ReasonWaitingForInitialization: the first Machine has not started the cluster yet.
	ReasonWaitingForInitialization = "WaitingForInitialization"
	// ReasonMembersLost: there is no member left that another could join.
	ReasonMembersLost = "MembersLost"
	// ReasonMachineJoining: a Machine is on its way in, or it cannot be told whether it is.
	ReasonMachineJoining = "MachineJoining"
	// ReasonLastMember: what would be removed is the last that works.
	ReasonLastMember = "LastMember"
	// ReasonMemberUnhealthy: a member does not work.
	ReasonMemberUnhealthy = "MemberUnhealthy"
	// ReasonQuorumAtRisk: etcd could lose its quorum.
	ReasonQuorumAtRisk = "QuorumAtRisk"
	// ReasonMembersLeftOver: etcd may take no more members, because of some that never ran.
	ReasonMembersLeftOver = "MembersLeftOver"
)

// Reasons of Nothing.
const (
	// ReasonAsWanted: the right number, all up to date.
	ReasonAsWanted = "AsWanted"
	// ReasonDeletionCompleted: the control plane is being deleted and nothing is left of it.
	ReasonDeletionCompleted = "DeletionCompleted"
)
