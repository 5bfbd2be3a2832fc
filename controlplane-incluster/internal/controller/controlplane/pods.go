// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
)

func (s *scope) facts() desired.Facts {
	return desired.Facts{
		Identity:     s.identity(),
		Settings:     s.controlPlane.Spec.ControlPlaneSettings,
		Release:      s.release,
		Endpoint:     s.endpoint.Endpoint,
		Network:      networkOf(s.cluster),
		Storage:      s.storage,
		Certificates: s.leaves.placed,
		Key:          s.key,
	}
}

func networkOf(cluster *clusterv1.Cluster) desired.Network {
	network := cluster.Spec.ClusterNetwork
	return desired.Network{
		PodCIDRs: network.Pods.CIDRBlocks, ServiceCIDRs: network.Services.CIDRBlocks, ServiceDomain: network.ServiceDomain,
	}
}

// configurationApplied writes the configuration of k0s into its Secret. Whatever is wrong with the user's part is told by
// the condition, and what runs goes on with what it has.
func (r *Reconciler) configurationApplied(ctx context.Context, s *scope) (phase.Outcome, error) {
	config, err := desired.Configuration(s.facts())
	if err != nil {
		return phase.Outcome{}, phase.Failure(controlplanev1.InvalidConfigurationReason, err)
	}
	if s.config != nil {
		if err := desired.CheckNetwork(s.config, config.Secret); err != nil {
			return phase.Outcome{}, phase.Failure(controlplanev1.InvalidConfigurationReason, err)
		}
	}
	secret, waits := child.SettleSecret(config.Secret, s.config, config.Rendering)
	if waits {
		s.waiting = append(s.waiting, "the k0s configuration")
	}
	annotations := map[string]string{}
	if s.config != nil && s.config.Annotations[contract.AppliedConfigAnnotation] != "" {
		annotations[contract.AppliedConfigAnnotation] = s.config.Annotations[contract.AppliedConfigAnnotation]
	}
	if s.endpoint.FromNode {
		annotations[contract.EndpointSourceAnnotation] = endpointFromNode
	}
	child.Annotate(&secret.ObjectMeta, annotations)
	s.wantedConfig = secret.DeepCopy()
	if err := r.Applier.Apply(ctx, s.controlPlane, secret); err != nil {
		return phase.Outcome{}, err
	}
	s.config, s.ports = secret, config.Ports
	return phase.Continue(), nil
}

func (r *Reconciler) podsApplied(ctx context.Context, s *scope) (phase.Outcome, error) {
	err := r.applyPods(ctx, s)
	s.podsFailed = err != nil
	return phase.Continue(), err
}

func (r *Reconciler) applyPods(ctx context.Context, s *scope) error {
	facts := s.facts()
	facts.Restarted = desired.RestartMark(s.podSet, s.pods, desired.LeafLife(s.config), s.now)
	pods, err := r.Renderer.ControlPlane(facts, desired.Config{Secret: s.config, Ports: s.ports})
	if err != nil {
		return err
	}
	settled, waits := child.SettleStatefulSet(pods.StatefulSet, s.podSet, pods.Rendering)
	if waits {
		s.waiting = append(s.waiting, "k0s")
	}
	if !waits || !child.IsKept(s.podSet, settled, s.controlPlane) {
		if err := r.Applier.Apply(ctx, s.controlPlane, settled); err != nil {
			return err
		}
		s.podSet = settled
	}
	return r.Applier.Apply(ctx, s.controlPlane, desired.PodDisruptionBudget(s.identity()))
}
