// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"time"

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// probeTimeout bounds one question to the API server, so that an address that leads nowhere does not hold up others.
const probeTimeout = 3 * time.Second

// initialized asks the API server through the address that machines will use. Once it has answered, the endpoint is
// published: core takes both from here, and from then on machines may join. That ends the pass, so that it is told before
// anything else is asked of the new API server; the change of the status starts the next.
func (r *Reconciler) initialized(ctx context.Context, s *scope) (phase.Outcome, error) {
	next := phase.Continue()
	if !s.controlPlane.Initialized() {
		if outcome, ready := r.answered(ctx, s); !ready {
			return outcome, nil
		}
		next = phase.Done()
	}
	if err := r.endpointPublished(ctx, s); err != nil {
		return phase.Outcome{}, err
	}
	s.controlPlane.Status.Initialization.ControlPlaneInitialized = new(true)
	conditions.True(s.controlPlane, controlplanev1.InitializedCondition, controlplanev1.InitializedReason, "")
	return next, nil
}

func (r *Reconciler) answered(ctx context.Context, s *scope) (phase.Outcome, bool) {
	if s.podSet.Status.ReadyReplicas == 0 {
		return phase.Wait(controlplanev1.NotInitializedReason, "waiting for a control plane pod to become ready", 0), false
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	evidence := r.Clusters.Ready(ctx, s.access)
	if !evidence.OK() {
		return phase.Wait(controlplanev1.NotInitializedReason,
			"waiting for the API server to answer at "+s.endpoint.Endpoint.URL()+": "+evidence.Message, probeDelay), false
	}
	return phase.Continue(), true
}

// endpointPublished fills spec.controlPlaneEndpoint, once: from now on it is fixed.
func (r *Reconciler) endpointPublished(ctx context.Context, s *scope) error {
	if s.controlPlane.Spec.ControlPlaneEndpoint.IsValid() {
		return nil
	}
	before := s.controlPlane.DeepCopy()
	s.controlPlane.Spec.ControlPlaneEndpoint = clusterv1.APIEndpoint{
		Host: s.endpoint.Endpoint.Host, Port: s.endpoint.Endpoint.Port,
	}
	return r.Applier.PatchSpec(ctx, before, s.controlPlane)
}
