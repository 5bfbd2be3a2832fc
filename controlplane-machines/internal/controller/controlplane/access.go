// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/contact"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/desired"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
	"github.com/k0smotron/k0smotron/shared/kubeconfig"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// configurationKnown computes the configuration of the cluster. What is wrong with the user's part is told, and nothing
// is made from it.
func configurationKnown(_ context.Context, s *scope) (phase.Outcome, error) {
	if s.deleting() {
		return phase.Continue(), nil
	}
	learners, err := desired.DecideMaxLearners(s.facts(), s.learnerFacts())
	if err != nil {
		return phase.Outcome{}, phase.Failure(controlplanev1.InvalidConfigurationReason, err)
	}
	configuration, err := desired.NewConfiguration(s.facts(), learners)
	if err != nil {
		return phase.Outcome{}, phase.Failure(controlplanev1.InvalidConfigurationReason, err)
	}
	if running := s.oldestConfig(); running != nil && s.everInitialized() {
		if err := desired.CheckImmutable(running, configuration); err != nil {
			return phase.Outcome{}, phase.Failure(controlplanev1.InvalidConfigurationReason, err)
		}
	}
	s.learners, s.configuration = learners, configuration
	s.configurationAwaits()
	return phase.Continue(), nil
}

// configurationAwaits tells, once what was wrong is mended, that the running cluster has yet to take the configuration.
// What k0s has said about it stands.
func (s *scope) configurationAwaits() {
	byK0s := []string{
		controlplanev1.ReconciledReason, controlplanev1.NotReconciledReason, controlplanev1.ReconciliationUnknownReason,
	}
	told := conditions.Get(s.controlPlane, controlplanev1.ConfigurationAppliedCondition)
	if s.controlPlane.Initialized() || told != nil && slices.Contains(byK0s, told.Reason) {
		return
	}
	conditions.Unknown(s.controlPlane, controlplanev1.ConfigurationAppliedCondition, controlplanev1.WaitingReason,
		"waiting for the cluster to be initialized")
}

// isConfigured tells that the configuration of the cluster is known.
func (s *scope) isConfigured() bool { return s.configuration.Document != nil }

// learnerFacts go by the config of the oldest Machine, or by a half-made one's.
func (s *scope) learnerFacts() desired.LearnerFacts {
	facts := desired.LearnerFacts{
		Existing: s.oldestConfig(), Started: s.everInitialized() || len(s.machines) > 0,
	}
	if facts.Existing == nil && len(s.configs) > 0 {
		facts.Existing = s.configs[0]
	}
	return facts
}

// oldestConfig is the config of the oldest Machine that has one; nil when none has.
func (s *scope) oldestConfig() *bootstrapv1.K0sControllerConfig {
	for _, machine := range s.machines {
		if config := s.config(machine.Name); config != nil {
			return config
		}
	}
	return nil
}

// config is the config of that name; nil when there is none.
func (s *scope) config(name string) *bootstrapv1.K0sControllerConfig {
	for _, config := range s.configs {
		if config.Name == name {
			return config
		}
	}
	return nil
}

// accessApplied signs the admin kubeconfig and tells machines how to join. A deletion, a cluster whose certificates are
// gone, and one that is up when this fails make do with the kubeconfig that is there.
func (r *Reconciler) accessApplied(ctx context.Context, s *scope) (phase.Outcome, error) {
	if s.deleting() || s.pairs == nil {
		return phase.Continue(), r.accessFound(ctx, s)
	}
	err := r.accessMade(ctx, s)
	if err != nil && (apierrors.IsConflict(err) || ctx.Err() != nil || !s.everInitialized()) {
		return phase.Outcome{}, err
	}
	conditions.True(s.controlPlane, controlplanev1.CertificatesAvailableCondition, controlplanev1.AvailableReason, "")
	if err == nil {
		return phase.Continue(), nil
	}
	s.failure = phase.StableMessage(err)
	s.lookAfter(holdDelay)
	return phase.Continue(), r.accessFound(ctx, s)
}

// accessFound takes the kubeconfig that is there, if there is one.
func (r *Reconciler) accessFound(ctx context.Context, s *scope) error {
	secret := &corev1.Secret{}
	_, err := lookup(ctx, r.Client, s.object(contract.KubeconfigName(s.cluster.Name)), secret)
	s.access = contact.Access{Cluster: s.clusterKey(), Kubeconfig: secret.Data[kubeconfig.SecretKey]}
	return err
}

func (r *Reconciler) accessMade(ctx context.Context, s *scope) error {
	ca, err := s.clusterCA()
	if err != nil {
		return err
	}
	store := kubeconfig.Store{Reader: r.Client, Live: r.Live, Writer: r.Applier, Issuer: r.Issuer}
	kept, err := store.Ensure(ctx, s.controlPlane, s.clusterKey(), ca, s.server())
	if err != nil {
		return err
	}
	s.lookAfter(kept.RenewAt.Sub(s.now))
	s.access = contact.Access{Cluster: s.clusterKey(), Kubeconfig: kept.Kubeconfig}
	return errors.Join(
		r.kubeconfigLabelled(ctx, s, kept.Secret),
		r.joinApplied(ctx, s, ca.PEM),
	)
}

// kubeconfigLabelled gives the Secret the labels and annotations that the spec says today. While the user wishes for none,
// and has not before, there is nothing to do.
func (r *Reconciler) kubeconfigLabelled(ctx context.Context, s *scope, live *corev1.Secret) error {
	wishes := s.controlPlane.Spec.KubeconfigSecretMetadata
	if len(wishes.Labels)+len(wishes.Annotations) == 0 && !r.Metadata.HasApplied(live) {
		return nil
	}
	return r.Metadata.ApplyTo(ctx, live, desired.KubeconfigMetadata(s.facts()))
}

// joinApplied tells machines how to join. While the configuration cannot be used, what was told last stands.
func (r *Reconciler) joinApplied(ctx context.Context, s *scope, ca []byte) error {
	if !s.isConfigured() {
		return nil
	}
	join, err := desired.JoinSecret(s.facts(), s.configuration, ca)
	if err != nil {
		return err
	}
	return r.Applier.Apply(ctx, s.controlPlane, join)
}

// server is the URL of the API server at the endpoint of the Cluster.
func (s *scope) server() string {
	endpoint := s.cluster.Spec.ControlPlaneEndpoint
	return "https://" + net.JoinHostPort(endpoint.Host, strconv.Itoa(int(endpoint.Port)))
}

// clusterWideHash is the fingerprint of what is applied to the running cluster.
func (s *scope) clusterWideHash() (string, error) {
	hash, err := k0sconfig.Hash("1", s.configuration.ClusterWide)
	if err != nil {
		return "", fmt.Errorf("hashing the cluster-wide configuration: %w", err)
	}
	return hash, nil
}
