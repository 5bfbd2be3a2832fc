// SPDX-License-Identifier: Apache-2.0

package workerconfig

import (
	"context"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/controller/machineconfig"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// scope is the facts of one pass. Phases add to it; none takes away.
type scope struct {
	machineconfig.Scope

	// config is what the pass is about.
	config *bootstrapv1.K0sWorkerConfig
	// join is how the control plane is joined.
	join contract.JoinInfo
}

func newScope(config *bootstrapv1.K0sWorkerConfig) *scope {
	return &scope{config: config, Scope: machineconfig.Scope{
		Config: config, Status: &config.Status, Install: &config.Spec.InstallSpec,
		WantedVersion: config.Spec.Version, TokenRole: jointoken.Worker,
	}}
}

// shared lets a step of all kinds be a phase of this one.
func shared(step machineconfig.Step) func(context.Context, *scope) (phase.Outcome, error) {
	return func(ctx context.Context, s *scope) (phase.Outcome, error) { return step(ctx, &s.Scope) }
}

func report(s *scope) { machineconfig.Report(&s.Scope) }
