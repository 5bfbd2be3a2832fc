// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"fmt"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/pki"
)

// storage is where the API servers keep their data. It cannot be changed, so the spec says it, even when nothing else
// about it is known.
func (s *scope) storage() k0snode.Storage {
	document, err := k0sconfig.Parse(s.controlPlane.Spec.K0sConfigSpec.K0s.Raw)
	if err == nil && !k0sconfig.ManagesEtcd(document) {
		return k0snode.StorageForeign
	}
	return k0snode.StorageEtcd
}

// purposes are the pairs that a control plane needs. A database behind kine needs no etcd CA.
func (s *scope) purposes() []pki.Purpose {
	purposes := make([]pki.Purpose, 0, len(pki.Purposes()))
	for _, purpose := range pki.Purposes() {
		if purpose != pki.EtcdCA || s.storage() == k0snode.StorageEtcd {
			purposes = append(purposes, purpose)
		}
	}
	return purposes
}

// certificatesExist makes the pairs of a new cluster, and checks what is there. A pair that is missing from a cluster that
// was up is never made anew: that would cut off every machine and every token. Then no Machine is made or removed, but
// those that run are still looked at.
func (r *Reconciler) certificatesExist(ctx context.Context, s *scope) (phase.Outcome, error) {
	if s.deleting() {
		return phase.Continue(), nil
	}
	pairs, err := r.certificates(ctx, s)
	if isEvidence(err) && s.everInitialized() {
		conditions.False(s.controlPlane, controlplanev1.CertificatesAvailableCondition, controlplanev1.NotAvailableReason,
			phase.StableMessage(err))
		return phase.Continue(), nil
	}
	if isEvidence(err) {
		return phase.Outcome{}, phase.Failure(controlplanev1.NotAvailableReason, err)
	}
	if err != nil {
		return phase.Outcome{}, err
	}
	s.pairs = pairs
	return phase.Continue(), nil
}

func (r *Reconciler) certificates(ctx context.Context, s *scope) (map[pki.Purpose]pki.Pair, error) {
	store := pki.Store{Reader: r.Client, Live: r.Live, Writer: r.Applier, Issuer: r.Issuer}
	if err := store.Adopt(ctx, s.controlPlane, s.clusterKey(), s.purposes()...); err != nil {
		return nil, err
	}
	if s.everInitialized() {
		return store.Existing(ctx, s.clusterKey(), s.purposes()...)
	}
	return store.Ensure(ctx, s.controlPlane, s.clusterKey(), s.purposes()...)
}

// isEvidence tells what is wrong with a pair from a call that failed.
func isEvidence(err error) bool {
	_, missing := errors.AsType[*pki.MissingError](err)
	_, invalid := errors.AsType[*pki.InvalidError](err)
	return missing || invalid
}

// clusterCA is the CA that signs the API servers' certificates and ours.
func (s *scope) clusterCA() (pki.CA, error) {
	ca, err := pki.ParseCA(s.pairs[pki.KubernetesCA])
	if err != nil {
		return pki.CA{}, fmt.Errorf("reading the cluster CA: %w", err)
	}
	return ca, nil
}
