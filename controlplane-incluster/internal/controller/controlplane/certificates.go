// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/pki"
)

// purposesOf are the pairs that a control plane needs. A database behind kine needs no etcd CA.
func purposesOf(controlPlane *controlplanev1.K0smotronControlPlane) []pki.Purpose {
	purposes := make([]pki.Purpose, 0, len(pki.Purposes()))
	for _, purpose := range pki.Purposes() {
		if purpose != pki.EtcdCA || !usesKine(controlPlane) {
			purposes = append(purposes, purpose)
		}
	}
	return purposes
}

// certificatesExist makes the pairs of a new cluster, and checks what is there. A pair that is missing from a cluster
// that was up is never made anew: that would cut off every machine and every token.
func (r *Reconciler) certificatesExist(ctx context.Context, s *scope) (phase.Outcome, error) {
	pairs, err := r.certificates(ctx, s)
	if err != nil {
		return phase.Outcome{}, asEvidence(err)
	}
	s.pairs, s.key = pairs, pairs[pki.KubernetesCA].Key
	return phase.Continue(), s.noteCAs()
}

func (r *Reconciler) certificates(ctx context.Context, s *scope) (map[pki.Purpose]pki.Pair, error) {
	store := pki.Store{Reader: r.Client, Live: r.Live, Writer: r.Applier, Issuer: r.Issuer}
	if err := store.Adopt(ctx, s.controlPlane, s.clusterKey(), purposesOf(s.controlPlane)...); err != nil {
		return nil, err
	}
	if s.everInitialized() {
		return store.Existing(ctx, s.clusterKey(), purposesOf(s.controlPlane)...)
	}
	return store.Ensure(ctx, s.controlPlane, s.clusterKey(), purposesOf(s.controlPlane)...)
}

// asEvidence tells what is wrong with a pair from a call that failed.
func asEvidence(err error) error {
	_, missing := errors.AsType[*pki.MissingError](err)
	_, invalid := errors.AsType[*pki.InvalidError](err)
	if missing || invalid {
		return phase.Failure(controlplanev1.NotAvailableReason, err)
	}
	return err
}

// noteCAs notes when the first of the CAs expires.
func (s *scope) noteCAs() error {
	for purpose, pair := range s.pairs {
		if !purpose.IsCA() {
			continue
		}
		certificate, err := pki.ParseCertificate(pair.Cert)
		if err != nil {
			return fmt.Errorf("secret %s: %w", purpose.SecretName(s.cluster.Name), err)
		}
		s.leaves.expires(certificate.NotAfter)
	}
	return nil
}

// adopt labels a Secret that somebody else supplied, so that the cache holds it and its changes are seen. Nothing else
// about it is touched, and it stays its maker's.
func (r *Reconciler) adopt(ctx context.Context, secret *corev1.Secret, cluster string) error {
	if _, labelled := secret.Labels[clusterv1.ClusterNameLabel]; labelled {
		return nil
	}
	return r.Applier.Apply(ctx, nil, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: secret.Namespace, Name: secret.Name, Labels: contract.ClusterLabels(cluster),
	}})
}

// placedFingerprint is the fingerprint of the certificates in a pod. Private keys belong to them and need no mention.
func (s *scope) placedFingerprint(more ...[]byte) string {
	parts := make([][]byte, 0, len(s.pairs)+len(more))
	for _, purpose := range purposesOf(s.controlPlane) {
		parts = append(parts, s.pairs[purpose].Cert)
	}
	return s.key.Fingerprint(append(parts, more...)...)
}
