// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/contact"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/phase"
)

const (
	// agentsEvery is the pause between two looks for konnectivity agents.
	agentsEvery = time.Minute
	// agentsPatience is how long a Node may exist before an agent must be connected.
	agentsPatience = 10 * time.Minute
	// someAgents is how many agents are looked at: one that works proves the way.
	someAgents = 50
)

// agentLabels are on the pods of the agents, which k0s runs on every node.
func agentLabels() client.MatchingLabels {
	return client.MatchingLabels{"k8s-app": "konnectivity-agent"}
}

// konnectivityReached tells whether agents of workers have found their way to the controllers. Nothing else notices when a
// load balancer leads only the port of the API on: nodes are Ready, and logs, exec and webhooks do not work.
func (r *Reconciler) konnectivityReached(ctx context.Context, s *scope) (phase.Outcome, error) {
	if s.k0s == nil || !s.isConfigured() || !s.controlPlane.Initialized() || !r.memories.due(s.controlPlane, s.now) {
		return phase.Continue(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, contact.Timeout)
	defer cancel()
	if err := s.reportAgents(ctx); err != nil {
		ctrl.LoggerFrom(ctx).V(2).Info("Looking for konnectivity agents", "error", err.Error())
	}
	return phase.Continue(), nil
}

func (s *scope) reportAgents(ctx context.Context) error {
	const condition = controlplanev1.KonnectivityReachableCondition
	since, err := s.nodeSince(ctx)
	if err != nil {
		return err
	}
	if since.IsZero() {
		conditions.Unknown(s.controlPlane, condition, controlplanev1.WaitingReason, "there is no Node yet")
		return nil
	}
	connected, err := s.hasAgent(ctx)
	switch {
	case err != nil:
		return err
	case connected:
		conditions.True(s.controlPlane, condition, controlplanev1.ConnectedReason, "")
	case s.now.Sub(since) > agentsPatience:
		conditions.False(s.controlPlane, condition, controlplanev1.NotConnectedReason, fmt.Sprintf(
			"no konnectivity agent of a Node works 10 minutes after the first Node: workers must reach %s, so the load "+
				"balancer of the endpoint must lead that port on to the controllers, beside the port of the API",
			s.konnectivityAddress()))
	default:
		conditions.Unknown(s.controlPlane, condition, controlplanev1.WaitingReason, "waiting for the first agent")
	}
	return nil
}

// nodeSince is when a Node was created, one of them; zero when there is none.
func (s *scope) nodeSince(ctx context.Context) (time.Time, error) {
	nodes := &metav1.PartialObjectMetadataList{}
	nodes.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NodeList"))
	if err := s.connection.Live.List(ctx, nodes, client.Limit(1)); err != nil {
		return time.Time{}, fmt.Errorf("listing Nodes: %w", err)
	}
	if len(nodes.Items) == 0 {
		return time.Time{}, nil
	}
	return nodes.Items[0].CreationTimestamp.Time, nil
}

// hasAgent tells whether an agent is ready, which it is only while it is connected.
func (s *scope) hasAgent(ctx context.Context) (bool, error) {
	pods := &corev1.PodList{}
	err := s.connection.Live.List(ctx, pods, client.InNamespace(metav1.NamespaceSystem), agentLabels(),
		client.Limit(someAgents))
	if err != nil {
		return false, fmt.Errorf("listing konnectivity agents: %w", err)
	}
	for i := range pods.Items {
		for _, condition := range pods.Items[i].Status.Conditions {
			if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
				return true, nil
			}
		}
	}
	return false, nil
}

// konnectivityAddress is where workers look for the controllers.
func (s *scope) konnectivityAddress() string {
	return net.JoinHostPort(s.cluster.Spec.ControlPlaneEndpoint.Host, strconv.Itoa(s.configuration.Ports.Konnectivity))
}
