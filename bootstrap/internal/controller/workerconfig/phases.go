// SPDX-License-Identifier: Apache-2.0

package workerconfig

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/bootstrapdata"
	"github.com/k0smotron/k0smotron/bootstrap/internal/filesource"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
)

func (r *Reconciler) machineOwnsConfig(ctx context.Context, s *scope) (phase.Outcome, error) {
	for _, owner := range s.config.OwnerReferences {
		if owner.Kind == "MachinePool" {
			return phase.Wait(bootstrapv1.UnsupportedOwnerReason, fmt.Sprintf(
				"MachinePool %s owns this config, but only Machines can be served: use a MachineDeployment",
				owner.Name), 0), nil
		}
	}
	machine, err := contract.OwnerMachine(ctx, r.Client, s.config)
	s.machine = machine
	return phase.Continue(), err
}

func (r *Reconciler) clusterExists(ctx context.Context, s *scope) (phase.Outcome, error) {
	cluster, err := contract.GetCluster(ctx, r.Client, s.clusterKey())
	s.cluster = cluster
	return phase.Continue(), err
}

func (*Reconciler) notPaused(_ context.Context, s *scope) (phase.Outcome, error) {
	return contract.CheckPaused(s.cluster, s.config), nil
}

// notJoined ends the pass for a machine that has a Node: it needs neither token nor bootstrap data any more.
func (r *Reconciler) notJoined(ctx context.Context, s *scope) (phase.Outcome, error) {
	if !s.machine.Status.NodeRef.IsDefined() {
		return phase.Continue(), nil
	}
	s.joined = true
	return phase.Done(), r.revokeToken(ctx, s)
}

// machineNotDeleted ends the pass for a machine that will never join.
func (r *Reconciler) machineNotDeleted(ctx context.Context, s *scope) (phase.Outcome, error) {
	if s.machine.DeletionTimestamp.IsZero() {
		return phase.Continue(), nil
	}
	return phase.Done(), r.revokeToken(ctx, s)
}

func (*Reconciler) infrastructureProvisioned(_ context.Context, s *scope) (phase.Outcome, error) {
	if contract.InfrastructureProvisioned(s.cluster) {
		return phase.Continue(), nil
	}
	return phase.Wait(contract.WaitingForInfrastructure,
		"waiting for the infrastructure of Cluster "+s.cluster.Name+" to be provisioned", 0), nil
}

func (*Reconciler) controlPlaneInitialized(_ context.Context, s *scope) (phase.Outcome, error) {
	if contract.ControlPlaneInitialized(s.cluster) {
		return phase.Continue(), nil
	}
	return phase.Wait(contract.WaitingForControlPlane,
		"waiting for the control plane of Cluster "+s.cluster.Name+" to be initialized", 0), nil
}

func (r *Reconciler) joinInfoKnown(ctx context.Context, s *scope) (phase.Outcome, error) {
	join, err := contract.GetJoinInfo(ctx, r.Client, s.cluster)
	if err != nil {
		return phase.Continue(), err
	}
	s.join = join
	return phase.Continue(), phase.Failure(contract.InvalidJoinInfo, checkCA(join.CA))
}

// checkCA spares a machine that could never join. The text that a control plane published is not repeated.
func checkCA(bundle []byte) error {
	block, _ := pem.Decode(bytes.TrimSpace(bundle))
	if block == nil {
		return errors.New("the CA of the control plane is no PEM certificate")
	}
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		return fmt.Errorf("the CA of the control plane cannot be read: %w", err)
	}
	return nil
}

func (*Reconciler) versionKnown(_ context.Context, s *scope) (phase.Outcome, error) {
	if s.dataSecret != nil {
		return phase.Continue(), nil
	}
	version, err := bootstrapdata.ResolveVersion(
		s.config.Spec.Version, s.machine.Spec.Version, s.config.Spec.InstallSpec)
	if err != nil {
		return phase.Wait(bootstrapv1.VersionInvalidReason, err.Error(), 0), nil
	}
	s.version = version
	return phase.Continue(), nil
}

func (r *Reconciler) filesResolved(ctx context.Context, s *scope) (phase.Outcome, error) {
	if s.dataSecret != nil {
		return phase.Continue(), nil
	}
	files, err := filesource.Resolve(ctx, r.Live, s.config.Namespace, s.config.Spec.Files)
	if err != nil {
		return phase.Continue(), err
	}
	s.files = files
	return phase.Continue(), checkUserData(s)
}
