// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/contact"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/observation"
	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// leaveDelay is the pause between two looks at a Machine that leaves, where no event tells.
const leaveDelay = 5 * time.Second

// membersLeave goes one step further with the Machines that are being deleted. A step that changes something ends the
// pass, so that the next one is decided from what it has brought about.
func (r *Reconciler) membersLeave(ctx context.Context, s *scope) (phase.Outcome, error) {
	for _, machine := range s.leavers() {
		step := k0snode.DecideLeave(observation.LeaveFacts(s.observed(), machine))
		s.lookAfter(step.After)
		ctrl.LoggerFrom(ctx).V(2).Info("Leaving", "machine", machine.Name, "step", step.Step, "reason", step.Reason,
			"message", step.Message)
		changed, err := r.leave(ctx, s, machine, step)
		if err != nil {
			return phase.Outcome{}, fmt.Errorf("machine %s leaves (%s): %w", machine.Name, step.Reason, err)
		}
		if changed {
			s.lookAfter(leaveDelay)
			return phase.Done(), nil
		}
	}
	return r.remainsRemoved(ctx, s)
}

// remainsRemoved removes what k0s wrote about controllers that have left and have no Machine any more.
func (r *Reconciler) remainsRemoved(ctx context.Context, s *scope) (phase.Outcome, error) {
	for _, left := range k0snode.Remains(s.k0s, s.report.Strays) {
		if err := r.objectsRemoved(ctx, s, left); err != nil {
			return phase.Outcome{}, fmt.Errorf("removing what is left of etcd member %s: %w", left.EtcdMember, err)
		}
	}
	return phase.Continue(), nil
}

// leavers are the Machines that are being deleted, in the order in which that was asked for.
func (s *scope) leavers() []*clusterv1.Machine {
	var leavers []*clusterv1.Machine
	for _, machine := range s.machines {
		if !machine.DeletionTimestamp.IsZero() {
			leavers = append(leavers, machine)
		}
	}
	slices.SortStableFunc(leavers, func(a, b *clusterv1.Machine) int {
		return a.DeletionTimestamp.Compare(b.DeletionTimestamp.Time)
	})
	return leavers
}

// leave does one step, and tells whether it has changed anything.
func (r *Reconciler) leave(
	ctx context.Context, s *scope, machine *clusterv1.Machine, step k0snode.LeaveStep,
) (bool, error) {
	switch step.Step {
	case k0snode.StepRequestLeave:
		return true, r.leaveRequested(ctx, s, machine.Name)
	case k0snode.StepRevokeToken:
		return true, r.tokenRevoked(ctx, s, machine)
	case k0snode.StepRecordLeftOver:
		return true, r.leftOverRecorded(ctx, s, machine)
	case k0snode.StepRemoveObjects:
		return true, r.objectsRemoved(ctx, s, step.Objects)
	case k0snode.StepRelease:
		return true, r.released(ctx, s, machine, step)
	case k0snode.StepNone, k0snode.StepWait:
	}
	return false, nil
}

// leaveRequested asks k0s to let a member leave etcd. A member that is gone meanwhile is not made again.
func (r *Reconciler) leaveRequested(ctx context.Context, s *scope, name string) error {
	ctx, cancel := context.WithTimeout(ctx, contact.Timeout)
	defer cancel()
	live := k0snode.EtcdMemberObject(name)
	err := s.connection.Live.Get(ctx, client.ObjectKey{Name: name}, live)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("getting EtcdMember %s: %w", name, err)
	}
	asked := live.DeepCopy()
	asked.Object["spec"] = k0snode.LeaveRequest(name).Object["spec"]
	return apply.New(s.connection.Live, r.FieldOwner).PatchSpec(ctx, live, asked)
}

// tokenRevoked takes the join token of a machine that never joined, so that it cannot join any more, and then writes down
// when that was. A machine without a token has none to be taken. The record of the token stays: it is bootstrap's.
func (r *Reconciler) tokenRevoked(ctx context.Context, s *scope, machine *clusterv1.Machine) error {
	if err := r.tokenTaken(ctx, s, machine); err != nil {
		return err
	}
	return r.Applier.Annotate(ctx, machine, contract.JoinRevokedAnnotation, s.now.UTC().Format(time.RFC3339))
}

func (r *Reconciler) tokenTaken(ctx context.Context, s *scope, machine *clusterv1.Machine) error {
	record, found, err := r.tokenOf(ctx, s, machine)
	if err != nil || !found {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, contact.Timeout)
	defer cancel()
	return r.Tokens.Invalidate(ctx, s.connection.Live, record)
}

// released lets Cluster API terminate the machine. The token of one that never joined is looked at a last time: a
// bootstrap manager that died in the middle of a pass may have made it valid again. Then it counts as not revoked.
func (r *Reconciler) released(
	ctx context.Context, s *scope, machine *clusterv1.Machine, step k0snode.LeaveStep,
) error {
	if step.Reason == k0snode.EscapeNeverJoined && s.connection.Live != nil {
		valid, err := r.tokenValid(ctx, s, machine)
		if err != nil {
			return err
		}
		if valid {
			return r.Applier.RemoveAnnotation(ctx, machine, contract.JoinRevokedAnnotation)
		}
	}
	return r.Applier.RemoveAnnotation(ctx, machine, contract.LeaveHookAnnotation)
}

func (r *Reconciler) tokenValid(ctx context.Context, s *scope, machine *clusterv1.Machine) (bool, error) {
	record, found, err := r.tokenOf(ctx, s, machine)
	if err != nil || !found {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, contact.Timeout)
	defer cancel()
	return r.Tokens.IsValid(ctx, s.connection.Live, record)
}

// tokenOf is the recorded join token of a machine. The record belongs to the config and goes with it: without one there is
// none.
func (r *Reconciler) tokenOf(
	ctx context.Context, s *scope, machine *clusterv1.Machine,
) (jointoken.Record, bool, error) {
	if config := s.config(machine.Name); config != nil {
		return r.Tokens.Find(ctx, config)
	}
	for i := range s.configNames {
		if s.configNames[i].Name == machine.Name {
			return r.Tokens.Find(ctx, &s.configNames[i])
		}
	}
	return jointoken.Record{}, false, nil
}

// leftOverRecorded writes down where a machine may have left a member in etcd.
func (r *Reconciler) leftOverRecorded(ctx context.Context, s *scope, machine *clusterv1.Machine) error {
	left, err := observation.LeftOverWith(s.observed(), machine)
	if err != nil {
		return err
	}
	return r.Applier.Annotate(
		ctx, s.controlPlane, contract.LeftOverMembersAnnotation, observation.FormatLeftOver(left))
}

// objectsRemoved removes what k0s wrote about a controller that has left. The member goes last: it is by it that the
// others are found.
func (r *Reconciler) objectsRemoved(ctx context.Context, s *scope, left k0snode.LeftObjects) error {
	ctx, cancel := context.WithTimeout(ctx, contact.Timeout)
	defer cancel()
	applier := apply.New(s.connection.Live, r.FieldOwner)
	for _, object := range leftObjects(left) {
		if err := applier.Delete(ctx, object); err != nil {
			return err
		}
	}
	return nil
}

func leftObjects(left k0snode.LeftObjects) []client.Object {
	var objects []client.Object
	if left.Lease != "" {
		objects = append(objects, k0snode.LeaseObject(left.Lease))
	}
	if left.ControlNode != "" {
		objects = append(objects, k0snode.ControlNodeObject(left.ControlNode))
	}
	if left.EtcdMember != "" {
		objects = append(objects, k0snode.EtcdMemberObject(left.EtcdMember))
	}
	return objects
}
