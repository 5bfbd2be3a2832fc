// SPDX-License-Identifier: Apache-2.0

package controllerconfig

import (
	"context"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/bootstrapdata"
	"github.com/k0smotron/k0smotron/bootstrap/internal/controller/machineconfig"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/pki"
)

// scope is the facts of one pass. Phases add to it; none takes away.
type scope struct {
	machineconfig.Scope

	// config is what the pass is about.
	config *bootstrapv1.K0sControllerConfig
	// document is its ClusterConfig.
	document map[string]any
	// pairs are the certificates of the cluster.
	pairs map[pki.Purpose]pki.Pair
	// joinURL is where the controller joins: the k0s API of a healthy member.
	joinURL string
}

func newScope(config *bootstrapv1.K0sControllerConfig) *scope {
	return &scope{config: config, Scope: machineconfig.Scope{
		Config: config, Status: &config.Status, Install: &config.Spec.InstallSpec,
		WantedVersion: config.Spec.Version, TokenRole: jointoken.Controller,
	}}
}

func (s *scope) isFirst() bool { return s.config.Spec.Role == bootstrapv1.ControllerRoleFirst }

func (s *scope) needsToken() bool { return bootstrapdata.NeedsToken(s.config.Spec.Role, s.document) }

// shared lets a step of all kinds be a phase of this one.
func shared(step machineconfig.Step) func(context.Context, *scope) (phase.Outcome, error) {
	return func(ctx context.Context, s *scope) (phase.Outcome, error) { return step(ctx, &s.Scope) }
}

// withToken is shared for the steps that are about the join token, where there is one.
func withToken(step machineconfig.Step) func(context.Context, *scope) (phase.Outcome, error) {
	return func(ctx context.Context, s *scope) (phase.Outcome, error) {
		if !s.needsToken() {
			return phase.Continue(), nil
		}
		return step(ctx, &s.Scope)
	}
}

func report(s *scope) { machineconfig.Report(&s.Scope) }
