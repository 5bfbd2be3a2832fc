// SPDX-License-Identifier: Apache-2.0

package machineconfig

import (
	"context"
	"fmt"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/bootstrapdata"
	"github.com/k0smotron/k0smotron/bootstrap/internal/filesource"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// MachineOwnsConfig waits for the Machine.
func (r *Steps) MachineOwnsConfig(ctx context.Context, s *Scope) (phase.Outcome, error) {
	for _, owner := range s.Config.GetOwnerReferences() {
		if owner.Kind == "MachinePool" {
			return phase.Wait(bootstrapv1.UnsupportedOwnerReason, fmt.Sprintf(
				"MachinePool %s owns this config, but only Machines can be served: use a MachineDeployment",
				owner.Name), 0), nil
		}
	}
	machine, err := contract.OwnerMachine(ctx, r.Client, s.Config)
	s.Machine = machine
	return phase.Continue(), err
}

// ClusterExists waits for the Cluster.
func (r *Steps) ClusterExists(ctx context.Context, s *Scope) (phase.Outcome, error) {
	cluster, err := contract.GetCluster(ctx, r.Client, s.ClusterKey())
	s.Cluster = cluster
	return phase.Continue(), err
}

// NotPaused ends the pass while nothing may be touched.
func (*Steps) NotPaused(_ context.Context, s *Scope) (phase.Outcome, error) {
	return contract.CheckPaused(s.Cluster, s.Config), nil
}

// MachineNotDeleted ends the pass for a machine that will never join.
func (r *Steps) MachineNotDeleted(ctx context.Context, s *Scope) (phase.Outcome, error) {
	if s.Machine.DeletionTimestamp.IsZero() {
		return phase.Continue(), nil
	}
	return phase.Done(), r.RevokeToken(ctx, s)
}

// InfrastructureProvisioned waits for the Cluster's infrastructure.
func (*Steps) InfrastructureProvisioned(_ context.Context, s *Scope) (phase.Outcome, error) {
	if contract.InfrastructureProvisioned(s.Cluster) {
		return phase.Continue(), nil
	}
	return phase.Wait(contract.WaitingForInfrastructure,
		"waiting for the infrastructure of Cluster "+s.Cluster.Name+" to be provisioned", 0), nil
}

// ControlPlaneInitialized waits until there is something to join.
func (*Steps) ControlPlaneInitialized(_ context.Context, s *Scope) (phase.Outcome, error) {
	if contract.ControlPlaneInitialized(s.Cluster) {
		return phase.Continue(), nil
	}
	return phase.Wait(contract.WaitingForControlPlane,
		"waiting for the control plane of Cluster "+s.Cluster.Name+" to be initialized", 0), nil
}

// VersionKnown decides which k0s the machine gets, unless it is decided already.
func (*Steps) VersionKnown(_ context.Context, s *Scope) (phase.Outcome, error) {
	if s.DataSecret != nil {
		return phase.Continue(), nil
	}
	version, err := bootstrapdata.ResolveVersion(s.WantedVersion, s.Machine.Spec.Version, *s.Install)
	if err != nil {
		return phase.Wait(bootstrapv1.VersionInvalidReason, err.Error(), 0), nil
	}
	s.Version = version
	return phase.Continue(), nil
}

// ResolveFiles reads the content of the files.
func (r *Steps) ResolveFiles(ctx context.Context, s *Scope) error {
	files, err := filesource.Resolve(ctx, r.Live, s.Config.GetNamespace(), s.Install.Files)
	s.Files = files
	return err
}
