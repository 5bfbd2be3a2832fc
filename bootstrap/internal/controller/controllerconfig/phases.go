// SPDX-License-Identifier: Apache-2.0

package controllerconfig

import (
	"context"
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/bootstrapdata"
	"github.com/k0smotron/k0smotron/bootstrap/internal/controller/machineconfig"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/pki"
)

// notJoined ends the pass for a machine that is a controller: it needs neither token nor bootstrap data any more. That it
// was once seen as one is enough, so the config remembers it: a member that is unhealthy later must not get a token.
func (r *Reconciler) notJoined(ctx context.Context, s *scope) (phase.Outcome, error) {
	if !contract.HasJoined(s.Machine) && !wasJoined(s.config) {
		return phase.Continue(), nil
	}
	s.Joined = true
	return phase.Done(), r.RevokeToken(ctx, &s.Scope)
}

func wasJoined(config *bootstrapv1.K0sControllerConfig) bool {
	condition := conditions.Get(config, joinable)
	return condition != nil && condition.Status == metav1.ConditionTrue && condition.Reason == bootstrapv1.JoinedReason
}

// firstDataNotLost holds for every machine that has not been told its bootstrap data yet.
func (*Reconciler) firstDataNotLost(_ context.Context, s *scope) (phase.Outcome, error) {
	used := s.Machine.Spec.Bootstrap.DataSecretName
	if !s.isFirst() || s.DataSecret != nil || used == nil {
		return phase.Continue(), nil
	}
	return phase.Wait(bootstrapv1.DataSecretMissingReason, fmt.Sprintf(
		"Secret %s is gone, and the bootstrap data of a first controller is not made again, because a machine that boots "+
			"with it creates a cluster: if the machine has not become a controller, delete the Machine", *used), 0), nil
}

func (*Reconciler) endpointKnown(_ context.Context, s *scope) (phase.Outcome, error) {
	if s.Cluster.Spec.ControlPlaneEndpoint.IsValid() {
		return phase.Continue(), nil
	}
	return phase.Wait(contract.WaitingForInfrastructure,
		"waiting for spec.controlPlaneEndpoint of Cluster "+s.Cluster.Name, 0), nil
}

// configRead goes first of all that depends on the ClusterConfig: where the state lies decides what else is needed.
func (*Reconciler) configRead(_ context.Context, s *scope) (phase.Outcome, error) {
	document, err := k0sconfig.Parse(s.config.Spec.K0s.Raw)
	if err != nil {
		return phase.Continue(), phase.Waiting(bootstrapv1.SpecInvalidReason, "spec.k0s: "+err.Error(), 0)
	}
	s.document = document
	return phase.Continue(), nil
}

// certificatesExist reads what the control-plane provider has made. Nothing is ever made here.
func (r *Reconciler) certificatesExist(ctx context.Context, s *scope) (phase.Outcome, error) {
	// The cache is asked for both: what it does not hold yet wakes the config when it appears.
	store := pki.Store{Reader: r.Client, Live: r.Client, Writer: r.Applier, Issuer: pki.Issuer{Clock: r.Clock}}
	pairs, err := store.Existing(ctx, s.ClusterKey(), purposes(s.document)...)
	if missing, waits := errors.AsType[*pki.MissingError](err); waits {
		return phase.Wait(contract.WaitingForControlPlane,
			"waiting for Secret "+missing.Secret+", which the control-plane provider makes before the first controller", 0), nil
	}
	if _, invalid := errors.AsType[*pki.InvalidError](err); invalid {
		err = phase.Failure(bootstrapv1.CertificatesInvalidReason, err)
	}
	s.pairs = pairs
	return phase.Continue(), err
}

func purposes(document map[string]any) []pki.Purpose {
	if k0sconfig.ManagesEtcd(document) {
		return pki.Purposes()
	}
	return []pki.Purpose{pki.KubernetesCA, pki.FrontProxyCA, pki.ServiceAccount}
}

// versionKnown wants a version even where k0s is part of the machine image: it decides what k0s.yaml may hold.
func (r *Reconciler) versionKnown(ctx context.Context, s *scope) (phase.Outcome, error) {
	outcome, err := r.VersionKnown(ctx, &s.Scope)
	if s.DataSecret == nil && s.Version.IsZero() && outcome == phase.Continue() && err == nil {
		return phase.Wait(bootstrapv1.VersionInvalidReason,
			"no k0s version is given: set spec.version, also where k0s is part of the machine image, "+
				"because the configuration depends on it", 0), nil
	}
	return outcome, err
}

// filesResolved also finds out, before there is a lock or a token, whether bootstrap data can be made at all.
func (r *Reconciler) filesResolved(ctx context.Context, s *scope) (phase.Outcome, error) {
	if s.DataSecret != nil {
		return phase.Continue(), nil
	}
	if err := r.ResolveFiles(ctx, &s.Scope); err != nil {
		return phase.Continue(), err
	}
	joinToken := ""
	if s.needsToken() {
		joinToken = strings.Repeat("x", machineconfig.LongestToken)
	}
	_, err := buildUserData(s, joinToken)
	return phase.Continue(), err
}

func (r *Reconciler) dataSecretExists(ctx context.Context, s *scope) (phase.Outcome, error) {
	return r.DataSecretExists(ctx, &s.Scope, func() ([]byte, error) {
		if !s.needsToken() {
			return buildUserData(s, "")
		}
		joinToken, err := jointoken.Join{
			Role: jointoken.Controller, URL: s.joinURL, CA: s.pairs[pki.KubernetesCA].Cert, Token: s.Token.Token,
		}.Encode()
		if err != nil {
			return nil, fmt.Errorf("encoding join token: %w", err)
		}
		return buildUserData(s, joinToken)
	})
}

// tokenValid makes the token valid while the machine may join. The control-plane provider revokes the token of a machine
// that is deleted before it has joined, and counts on that: so the Machine is read live, because the cache may not know
// yet. Of the deletion itself an event tells.
func (r *Reconciler) tokenValid(ctx context.Context, s *scope) (phase.Outcome, error) {
	if !s.needsToken() {
		return phase.Continue(), nil
	}
	machine := &clusterv1.Machine{}
	err := r.Live.Get(ctx, client.ObjectKeyFromObject(s.Machine), machine)
	if client.IgnoreNotFound(err) != nil {
		return phase.Continue(), fmt.Errorf("getting Machine %s: %w", s.Machine.Name, err)
	}
	// What was not found has no UID.
	if machine.UID != s.Machine.UID || !machine.DeletionTimestamp.IsZero() {
		return phase.Done(), nil
	}
	return r.TokenValid(ctx, &s.Scope)
}

// buildUserData renders the bootstrap data of the machine.
func buildUserData(s *scope, joinToken string) ([]byte, error) {
	return machineconfig.UserData(bootstrapdata.BuildController(bootstrapdata.Controller{
		MachineName: s.Machine.Name,
		Version:     s.Version,
		Spec:        s.config.Spec,
		K0s:         s.document,
		Files:       s.Files,
		Pairs:       s.pairs,
		JoinToken:   joinToken,
	}))
}
