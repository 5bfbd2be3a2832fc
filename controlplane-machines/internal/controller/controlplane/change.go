// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/contact"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/observation"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/rollout"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// cacheDelay gives the cache time to deliver what was seen live.
const cacheDelay = time.Second

// machinesChanged makes or removes one Machine, or does nothing. Whoever decides from a cache may decide from yesterday:
// before anything is made or removed, everything is read from the API server, and decided again. While Machines cannot be
// made, none is replaced.
func (r *Reconciler) machinesChanged(ctx context.Context, s *scope) (phase.Outcome, error) {
	s.decide()
	if s.isHeld() && s.needsAnother() {
		s.action = rollout.Action{}
		return phase.Continue(), nil
	}
	if s.action.Kind != rollout.Create && s.action.Kind != rollout.Delete {
		ctrl.LoggerFrom(ctx).V(4).Info("Changing nothing", "reason", s.action.Reason, "message", s.action.Message)
		return r.settled(ctx, s)
	}
	current, err := r.isCurrent(ctx, s)
	if err != nil {
		return phase.Outcome{}, err
	}
	live, err := r.machinesLive(ctx, s)
	if err != nil {
		return phase.Outcome{}, err
	}
	live.decide()
	if !current || !sameChange(live.action, s.action) {
		s.lookAfter(cacheDelay)
		return phase.Done(), nil
	}
	ctrl.LoggerFrom(ctx).Info("Changing machines", "action", s.action.Kind, "reason", s.action.Reason,
		"machine", s.action.Machine, "message", s.action.Message)
	return phase.Done(), r.change(ctx, s, live)
}

func (s *scope) decide() {
	s.action = rollout.Decide(observation.Snapshot(s.observed()))
	s.lookAfter(s.action.After)
}

// sameChange leaves texts out: they count Machines.
func sameChange(a, b rollout.Action) bool {
	return a.Kind == b.Kind && a.Machine == b.Machine && a.Role == b.Role && a.FailureDomain == b.FailureDomain
}

// needsAnother tells that the action makes a Machine, or removes one so that another takes its place.
func (s *scope) needsAnother() bool {
	staying := 0
	for _, machine := range s.machines {
		if machine.DeletionTimestamp.IsZero() {
			staying++
		}
	}
	replaces := s.action.Kind == rollout.Delete && s.action.Reason == rollout.ReasonRollingOut &&
		staying <= int(s.controlPlane.WishedReplicas())
	return s.action.Kind == rollout.Create || replaces
}

// settled ends the life of a control plane of which nothing is left, and lets any other go on.
func (r *Reconciler) settled(ctx context.Context, s *scope) (phase.Outcome, error) {
	if !s.deleting() {
		if !s.isHeld() {
			s.bootstrapTakes()
		}
		return phase.Continue(), nil
	}
	if s.action.Kind != rollout.Nothing {
		return phase.Done(), nil
	}
	live, err := r.machinesLive(ctx, s)
	if err != nil {
		return phase.Outcome{}, err
	}
	if len(live.machines) > 0 {
		s.lookAfter(cacheDelay)
		return phase.Done(), nil
	}
	r.Workloads.Forget(s.clusterKey())
	r.memories.forget(client.ObjectKeyFromObject(s.controlPlane))
	return phase.Done(), r.Applier.RemoveFinalizer(ctx, s.controlPlane, controlplanev1.ControlPlaneFinalizer)
}

// isCurrent tells whether the cache has the control plane as it is.
func (r *Reconciler) isCurrent(ctx context.Context, s *scope) (bool, error) {
	live := &controlplanev1.K0sControlPlane{}
	exists, err := lookup(ctx, r.Live, client.ObjectKeyFromObject(s.controlPlane), live)
	if err != nil {
		return false, err
	}
	return exists && live.UID == s.controlPlane.UID && live.ResourceVersion == s.controlPlane.ResourceVersion, nil
}

func (r *Reconciler) change(ctx context.Context, s, live *scope) error {
	switch {
	case s.action.RecordsName():
		return r.nameRecorded(ctx, live)
	case s.action.Kind == rollout.Create:
		return r.create(ctx, live)
	default:
		return r.remove(ctx, live)
	}
}

// remove takes away what there is of a name. The record of the name goes first: it could be used again otherwise.
func (r *Reconciler) remove(ctx context.Context, s *scope) error {
	name := s.action.Machine
	if s.controlPlane.Annotations[contract.NextMachineAnnotation] == name {
		if err := r.Applier.RemoveAnnotation(ctx, s.controlPlane, contract.NextMachineAnnotation); err != nil {
			return err
		}
	}
	if machine := s.machine(name); machine != nil {
		return r.Applier.Delete(ctx, machine)
	}
	config, infrastructure := s.config(name), s.infrastructureOf(name)
	if config == nil && infrastructure == nil {
		return r.strayLeaves(ctx, s, name)
	}
	if config != nil {
		if err := r.Applier.Delete(ctx, config); err != nil {
			return err
		}
	}
	if infrastructure == nil {
		return nil
	}
	return r.Applier.Delete(ctx, infrastructure)
}

// strayLeaves takes the vote of a member that has no Machine.
func (r *Reconciler) strayLeaves(ctx context.Context, s *scope, name string) error {
	if s.connection == (contact.Connection{}) {
		return fmt.Errorf("EtcdMember %s cannot be asked to leave: the workload cluster does not answer", name)
	}
	return r.leaveRequested(ctx, s, name)
}
