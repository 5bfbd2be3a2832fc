// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"slices"
	"time"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/contact"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/observation"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// startDelay is the pause between two looks at a cluster that is about to start.
const startDelay = 2 * time.Second

// initialized records, once, that the cluster is up: its first controller works, and the API server has answered through
// the endpoint, which is what the machines that join will use. That ends the pass, so that it is told at once.
func (r *Reconciler) initialized(ctx context.Context, s *scope) (phase.Outcome, error) {
	switch {
	case s.controlPlane.Initialized():
		conditions.True(s.controlPlane, controlplanev1.InitializedCondition, controlplanev1.InitializedReason, "")
		return phase.Continue(), nil
	case s.deleting():
		return phase.Continue(), nil
	case s.wasInitialized():
		s.noteInitialized()
		return phase.Done(), nil
	}
	awaited, err := r.awaited(ctx, s)
	if err != nil {
		return phase.Outcome{}, err
	}
	if awaited != "" {
		conditions.False(s.controlPlane, controlplanev1.InitializedCondition, controlplanev1.NotInitializedReason, awaited)
		return phase.Continue(), nil
	}
	s.noteInitialized()
	return phase.Done(), nil
}

func (s *scope) noteInitialized() {
	s.controlPlane.Status.Initialization.ControlPlaneInitialized = new(true)
	conditions.True(s.controlPlane, controlplanev1.InitializedCondition, controlplanev1.InitializedReason, "")
}

// wasInitialized tells from what survives the loss of the status, by a move or a restore, that it once said so.
func (s *scope) wasInitialized() bool {
	if contract.ControlPlaneInitialized(s.cluster) {
		return true
	}
	for _, machine := range s.machines {
		if _, was := machine.Annotations[contract.WasMemberAnnotation]; was && len(s.machines) > 1 {
			return true
		}
	}
	return false
}

// awaited says what the cluster still waits for; nothing when it is up.
func (r *Reconciler) awaited(ctx context.Context, s *scope) (string, error) {
	if !s.hasHealthy() {
		if s.worthALook() {
			s.lookAfter(startDelay)
		}
		return "waiting for a controller to work", nil
	}
	ctx, cancel := context.WithTimeout(ctx, contact.Timeout)
	defer cancel()
	if evidence := r.Workloads.Ready(ctx, s.access); !evidence.OK() {
		s.lookAfter(startDelay)
		return "waiting for the API server to answer at " + s.server() + ": " + evidence.Message, nil
	}
	live, err := r.machinesLive(ctx, s)
	if err != nil || live.hasHealthy() {
		return "", err
	}
	s.lookAfter(startDelay)
	return "waiting for a controller to work: the one that did is being deleted", nil
}

// hasHealthy tells whether a controller works that stays.
func (s *scope) hasHealthy() bool {
	snapshot := observation.Snapshot(s.observed())
	return snapshot.Current && slices.ContainsFunc(snapshot.Machines, func(m controlplane.Machine) bool {
		return m.IsHealthy() && !m.IsDeleting() && m.Parts.Machine
	})
}

// machinesLive is the same pass with the Machines as they are now.
func (r *Reconciler) machinesLive(ctx context.Context, s *scope) (*scope, error) {
	machines, err := machinesOf(ctx, r.Live, s)
	if err != nil {
		return nil, err
	}
	live := *s
	live.machines = machines
	return &live, nil
}
