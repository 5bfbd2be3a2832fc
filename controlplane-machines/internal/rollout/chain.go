// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"fmt"
	"slices"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
)

// minDeleteFirst is from how many replicas on a member may be removed before its successor is there.
const minDeleteFirst = 3

// Checks is the chain that decides. Its order is part of it.
func Checks() Chain {
	return slices.Concat(gates(), wishes(), tidying(), settling(), safety())
}

// gates are passed before anything is wished for.
func gates() Chain {
	return Chain{
		{
			Name: "ControlPlaneDeletion", ask: controlPlaneDeletion,
			Prevents: "a control plane that is being deleted goes on creating machines, or goes before its workers",
			Waits:    []string{ReasonWaitingForWorkersDeletion, ReasonWaitingForMachineDeletion},
		},
		{
			Name: "Certificates", ask: certificates,
			Prevents: "a machine is made with other CAs than the cluster's, or with none",
			Waits:    []string{ReasonWaitingForCertificates},
		},
		{
			Name: "Endpoint", ask: endpoint,
			Prevents: "a machine is made that does not know the address of its own cluster",
			Waits:    []string{ReasonWaitingForEndpoint},
		},
	}
}

// wishes work out what is wanted: one more and where, or one less and which.
func wishes() Chain {
	return Chain{
		{
			Name: "Replicas", ask: replicas,
			Prevents: "the number of machines, or their version, is never what was asked for",
		},
		{
			Name: "Surge", ask: surge,
			Prevents: "a rollout creates more machines than replicas + 1, or than replicas with RecreateDeleteFirst",
		},
		{
			Name: "DeleteMark", ask: deleteMark,
			Prevents: "another machine is removed than the one that the user has marked",
		},
		{
			Name: "Outdated", ask: outdated,
			Prevents: "a rollout removes the machines that it has just created, or waits for ever for one that it could remove",
		},
		{
			Name: "FailureDomains", ask: failureDomains,
			Prevents: "machines gather in one failure domain",
		},
	}
}

// tidying removes what has no vote to lose, and first what needs no contact for that.
func tidying() Chain {
	return Chain{
		{
			Name: "HalfMade", ask: halfMade,
			Prevents: "what a crash left of a machine that is no longer wanted stays for ever",
		},
		{
			Name: "Contact", ask: contact,
			Prevents: "members are removed by what was true before contact was lost",
			Waits:    []string{ReasonContactLost},
		},
		{
			Name: "JoinDeadline", ask: joinDeadline,
			Prevents: "a machine that died while joining blocks the control plane for ever",
		},
		{
			Name: "StrayMember", ask: strayMember,
			Prevents: "a member whose machine is gone keeps its vote, unseen",
			Waits:    []string{ReasonStrayMember},
		},
	}
}

// settling lets every Machine arrive or go before the next step.
func settling() Chain {
	return Chain{
		{
			Name: "DeletionInProgress", ask: deletionInProgress,
			Prevents: "a second member is removed, or one added, while another is still leaving",
			Waits:    []string{ReasonMachineDeleting},
		},
		{
			Name: "NotStarted", ask: notStarted,
			Prevents: "a machine that infrastructure cannot deliver blocks the change of template that would mend it",
		},
		{
			Name: "Initialization", ask: initialization,
			Prevents: "a second first controller starts a second, empty cluster",
			Waits:    []string{ReasonWaitingForInitialization, ReasonMembersLost},
		},
		{
			Name: "Joining", ask: joining,
			Prevents: "a voter is removed before its successor votes",
			Waits:    []string{ReasonMachineJoining},
		},
	}
}

// safety judges the step itself.
func safety() Chain {
	return Chain{
		{
			Name: "LastMember", ask: lastMember,
			Prevents: "the last machine that works is removed",
			Waits:    []string{ReasonLastMember},
		},
		{
			Name:     "Health",
			ask:      health,
			Prevents: "machines are created for ever that etcd refuses while a member is down, and members are removed beside it",
			Waits:    []string{ReasonMemberUnhealthy},
		},
		{
			Name: "Quorum", ask: quorum,
			Prevents: "votes of members that never ran are forgotten, and the quorum is lost with the next step",
			Waits:    []string{ReasonQuorumAtRisk},
		},
		{
			Name: "LeftOver", ask: leftOver,
			Prevents: "machines are created for ever that etcd has no place for",
			Waits:    []string{ReasonMembersLeftOver},
		},
	}
}

// controlPlaneDeletion removes everything once the workers are gone, all at the same time: nobody needs the quorum any
// more.
func controlPlaneDeletion(p *plan) *Action {
	if !p.Deletion.Requested {
		return nil
	}
	if p.Deletion.Workers > 0 {
		return p.wait(ReasonWaitingForWorkersDeletion, fmt.Sprintf(
			"%d other Machines and MachinePools of the Cluster are deleted first, through this API server", p.Deletion.Workers))
	}
	for i := range p.Machines {
		if m := &p.Machines[i]; !m.IsDeleting() {
			return remove(m.Name, ReasonDeleting, "machine "+m.Name+" is removed: the control plane is being deleted")
		}
	}
	if len(p.Machines) > 0 {
		return p.wait(ReasonWaitingForMachineDeletion, "machines are being deleted: "+names(p.Machines))
	}
	return &Action{Kind: Nothing, Reason: ReasonDeletionCompleted, Message: "no machine is left"}
}

// certificates: what is made without the cluster's CAs can never belong to it.
func certificates(p *plan) *Action {
	if p.Certificates {
		return nil
	}
	return p.wait(ReasonWaitingForCertificates, "no machine is created or removed until all CAs of the cluster exist")
}

// endpoint: its address is in the certificates and the configuration of every controller.
func endpoint(p *plan) *Action {
	if p.Endpoint {
		return nil
	}
	return p.wait(
		ReasonWaitingForEndpoint,
		"no machine is created or removed until the Cluster has a control plane endpoint",
	)
}

// replicas works out what is wanted.
func replicas(p *plan) *Action {
	switch {
	case p.upToDate < p.Replicas:
		p.want = oneMore
	case len(p.machines) > p.Replicas:
		p.want = oneLess
	}
	return nil
}

// surge makes room first where there are as many Machines as there may be.
func surge(p *plan) *Action {
	if p.want == oneMore && len(p.machines) >= p.Replicas+p.surge() {
		p.want = oneLess
	}
	return nil
}

// deleteMark prefers what the user wants to go.
func deleteMark(p *plan) *Action {
	p.prefer(isMarked)
	return nil
}

// outdated prefers what must be replaced anyway, and of that what does not work.
func outdated(p *plan) *Action {
	p.prefer(func(m *controlplane.Machine) bool { return m.IsOutdated() && !m.IsHealthy() })
	p.prefer((*controlplane.Machine).IsOutdated)
	return nil
}

// failureDomains adds where the fewest are and prefers to remove where the most are.
func failureDomains(p *plan) *Action {
	if len(p.FailureDomains) == 0 {
		return nil
	}
	p.domain = p.emptiest()
	p.prefer(p.isMisplaced)
	fullest := p.fullest()
	p.prefer(func(m *controlplane.Machine) bool { return m.FailureDomain == fullest })
	return nil
}

// halfMade removes what is not going to be finished. It never ran, so nothing depends on it.
func halfMade(p *plan) *Action {
	for i := range p.Machines {
		if m := &p.Machines[i]; m.HalfMade() && !m.IsDeleting() && !p.finishes(m) {
			return remove(m.Name, ReasonHalfMade, "what was made of machine "+m.Name+" is removed: it is no longer wanted so")
		}
	}
	return nil
}

// contact: before the cluster has begun, and when all its machines are gone, there is nobody to talk to.
func contact(p *plan) *Action {
	if p.Current || !p.HasBegun() || !p.hasMachine() {
		return nil
	}
	return p.wait(ReasonContactLost, contactMessage(p))
}

// joinDeadline replaces a Machine that should have become a member by now. It never had a vote, so its going costs none.
// It is not resumed: it may be a member that etcd knows and that does not know itself.
func joinDeadline(p *plan) *Action {
	for _, m := range p.machines {
		if p.isOverdue(m) {
			return remove(m.Name, ReasonJoinTimedOut, fmt.Sprintf("machine %s is replaced: it did not become a member "+
				"within %s of taking its bootstrap data", m.Name, minutes(controlplane.JoinTimeout)))
		}
	}
	return nil
}

// strayMember removes the vote of a member that is dead and has no Machine, and stops at any other: somebody may have
// joined it by hand. Of a cluster that never began, or that has no machine any more, members do not matter.
func strayMember(p *plan) *Action {
	if !p.HasBegun() || !p.hasMachine() {
		return nil
	}
	for i := range p.Strays {
		if isRemovable(&p.Strays[i]) {
			name := p.Strays[i].Name
			return remove(name, ReasonStrayMember, "member "+name+" is removed from etcd: it is down and has no machine")
		}
	}
	for i := range p.Strays {
		if m := &p.Strays[i]; m.MayVote() {
			return p.wait(ReasonStrayMember, strayMessage(m))
		}
	}
	return nil
}

// deletionInProgress lets a Machine go entirely before anything else changes.
func deletionInProgress(p *plan) *Action {
	for i := range p.Machines {
		if m := &p.Machines[i]; m.IsDeleting() {
			return p.wait(ReasonMachineDeleting, "machine "+m.Name+" is being deleted: it is drained and leaves etcd")
		}
	}
	return nil
}

// notStarted removes a Machine that infrastructure has not delivered and that is not wanted any more. It has no vote.
func notStarted(p *plan) *Action {
	for _, m := range p.machines {
		if p.isSuperseded(m) {
			return remove(m.Name, ReasonNotStarted, "machine "+m.Name+" is removed before it has started"+because(m)+
				": it is no longer wanted so")
		}
	}
	return nil
}

// initialization: one controller starts the cluster, once, and until it has, it is alone. After that there must be somebody
// to join.
func initialization(p *plan) *Action {
	switch {
	case !p.HasBegun() && len(p.machines) > 0:
		m := p.machines[0]
		return p.waitFor(m.JoinTimeLeft(p.Now), ReasonWaitingForInitialization,
			"machine "+m.Name+" starts the cluster, which all others join"+deadline(m))
	case p.HasBegun() && len(p.machines) == 0 && p.Etcd.Managed:
		return p.wait(
			ReasonMembersLost,
			"no machine is left that another could join, and etcd has gone with them: a machine made now would start another, "+
				"empty cluster. Delete this Cluster and create a new one",
		)
	default:
		return nil
	}
}

// joining: whoever may be becoming a member must have become one, or be gone, before the next step. Before the cluster has
// begun there is nothing to join.
func joining(p *plan) *Action {
	if !p.HasBegun() {
		return nil
	}
	for _, m := range p.machines {
		if !m.IsVoting() {
			return p.waitFor(m.JoinTimeLeft(p.Now), ReasonMachineJoining, joiningMessage(m))
		}
	}
	return nil
}

// lastMember keeps one that works, whatever is wanted.
func lastMember(p *plan) *Action {
	if _, found := p.other((*controlplane.Machine).IsHealthy); found || p.want != oneLess {
		return nil
	}
	return p.wait(ReasonLastMember, "machine "+p.target().Name+" stays: no other is healthy")
}

// health: every member that stays must work.
func health(p *plan) *Action {
	m, found := p.other(func(m *controlplane.Machine) bool { return m.IsVoting() && !m.IsHealthy() })
	if !found || p.want == neither {
		return nil
	}
	return p.wait(ReasonMemberUnhealthy, unhealthyMessage(m))
}

// quorum: etcd must work before the step and after it, at the worst.
func quorum(p *plan) *Action {
	if !p.Etcd.Managed || p.want == neither {
		return nil
	}
	now, then := p.Quorum(), p.Quorum().With()
	if target := p.target(); target != nil {
		then = p.QuorumWithout(target.Name)
	}
	if p.role() == controlplane.First || now.Holds() && then.Holds() {
		return nil
	}
	return p.wait(ReasonQuorumAtRisk, quorumMessage(p, then))
}

// leftOver: a joiner needs a place in etcd. Learners have a few. A voter that never ran takes the only one: etcd adds nobody
// while a voter is down.
func leftOver(p *plan) *Action {
	places := 1
	if !p.Etcd.JoinersVote {
		places = max(p.Etcd.MaxLearners, 1)
	}
	if p.want != oneMore || !p.Etcd.Managed || len(p.Etcd.LeftOver) < places {
		return nil
	}
	return p.wait(
		ReasonMembersLeftOver,
		"etcd may take no further member: machines that are gone may have left some behind. "+
			leftOverMessage(p),
	)
}
