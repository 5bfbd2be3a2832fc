// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"net/url"
	"time"

	corev1 "k8s.io/api/core/v1"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/kubeconfig"
	"github.com/k0smotron/k0smotron/shared/phase"
)

const (
	// probeDelay is the pause between two questions to an API server that is about to be ready.
	probeDelay = 500 * time.Millisecond
	// absentSecretDelay is the pause until we look again for a Secret that does not exist and carries no label to
	// watch it by.
	absentSecretDelay = 15 * time.Second
)

// endpointFromNode is the value of the annotation that tells that the endpoint is the address of a node.
const endpointFromNode = "Node"

func (r *Reconciler) serviceApplied(ctx context.Context, s *scope) (phase.Outcome, error) {
	service := desired.Service(s.identity(), s.controlPlane.Spec.Service)
	if err := r.Applier.Apply(ctx, s.controlPlane, service); err != nil {
		return phase.Outcome{}, err
	}
	s.service = service
	return phase.Continue(), nil
}

// endpointKnown decides where machines reach the control plane. k0s is not started before that is known, because the
// address is in its certificate and its configuration.
func (r *Reconciler) endpointKnown(ctx context.Context, s *scope) (phase.Outcome, error) {
	facts, err := r.endpointFacts(ctx, s)
	if err != nil {
		return phase.Outcome{}, err
	}
	decision := desired.DecideEndpoint(facts)
	if decision.Awaited != "" {
		return phase.Wait(controlplanev1.WaitingReason, "waiting for "+decision.Awaited, 0), nil
	}
	s.endpoint = decision
	if decision.Warning != "" {
		conditions.False(s.controlPlane, controlplanev1.EndpointReadyCondition,
			controlplanev1.EndpointNodeMissingReason, decision.Warning)
		return phase.Continue(), nil
	}
	conditions.True(
		s.controlPlane,
		controlplanev1.EndpointReadyCondition,
		controlplanev1.EndpointKnownReason,
		decision.Note,
	)
	return phase.Continue(), nil
}

func (r *Reconciler) endpointFacts(ctx context.Context, s *scope) (desired.EndpointFacts, error) {
	facts := desired.EndpointFacts{
		Fixed:           s.controlPlane.Spec.ControlPlaneEndpoint,
		ExternalAddress: s.controlPlane.Spec.ExternalAddress,
		Service:         s.service,
		FromNode:        s.config != nil && s.config.Annotations[contract.EndpointSourceAnnotation] == endpointFromNode,
	}
	if s.service.Spec.Type != corev1.ServiceTypeNodePort || facts.ExternalAddress != "" {
		return facts, nil
	}
	if err := r.Nodes.WatchNodes(); err != nil {
		return facts, fmt.Errorf("watching nodes: %w", err)
	}
	nodes := &corev1.NodeList{}
	if err := r.Client.List(ctx, nodes); err != nil {
		return facts, fmt.Errorf("listing nodes: %w", err)
	}
	facts.Nodes = nodes.Items
	previous, err := r.previousHost(ctx, s)
	facts.Previous = previous
	return facts, err
}

// previousHost is the host in the kubeconfig of an earlier pass.
func (r *Reconciler) previousHost(ctx context.Context, s *scope) (string, error) {
	secret := &corev1.Secret{}
	exists, err := lookup(ctx, r.Client, s.object(contract.KubeconfigName(s.cluster.Name)), secret)
	if err != nil || !exists {
		return "", err
	}
	return hostIn(secret.Data[kubeconfig.SecretKey]), nil
}

// hostIn is the host of the server in a kubeconfig. One that cannot be read is made anew later, and tells no host.
func hostIn(config []byte) string {
	content, err := kubeconfig.Parse(config)
	if err != nil {
		return ""
	}
	server, err := url.Parse(content.Server)
	if err != nil {
		return ""
	}
	return server.Hostname()
}
