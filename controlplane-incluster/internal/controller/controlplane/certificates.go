// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/apply"
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
	s.pairs = map[pki.Purpose]pki.Pair{}
	for _, purpose := range purposesOf(s.controlPlane) {
		pair, err := r.pair(ctx, s, purpose)
		if err != nil {
			return phase.Outcome{}, err
		}
		s.pairs[purpose] = pair
	}
	if err := s.checkPairs(); err != nil {
		return phase.Outcome{}, phase.Failure(controlplanev1.NotAvailableReason, err)
	}
	s.key = s.pairs[pki.KubernetesCA].Key
	return phase.Continue(), nil
}

func (r *Reconciler) pair(ctx context.Context, s *scope, purpose pki.Purpose) (pki.Pair, error) {
	secret, key := &corev1.Secret{}, s.object(pairName(s.cluster, purpose))
	exists, err := r.found(ctx, key, secret)
	switch {
	case err != nil:
		return pki.Pair{}, err
	case exists:
		return pairOf(secret), r.adopt(ctx, secret, s.cluster.Name)
	case s.everInitialized():
		return pki.Pair{}, phase.Failure(controlplanev1.NotAvailableReason, fmt.Errorf(
			"secret %s is missing, and it cannot be made anew because the cluster was up with it: restore it from a backup",
			key.Name))
	}
	return r.createPair(ctx, s, purpose)
}

// createPair creates a pair. A Secret that appears in between is somebody's who supplies it: the next pass reads it.
func (r *Reconciler) createPair(ctx context.Context, s *scope, purpose pki.Purpose) (pki.Pair, error) {
	pair, err := r.Issuer.Pair(purpose)
	if err != nil {
		return pki.Pair{}, err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.controlPlane.Namespace,
			Name:      pairName(s.cluster, purpose),
			Labels:    contract.ClusterLabels(s.cluster.Name),
		},
		Type: clusterv1.ClusterSecretType,
		Data: map[string][]byte{pki.CertKey: pair.Cert, pki.PrivateKeyKey: pair.Key},
	}
	err = r.Applier.Create(ctx, s.controlPlane, secret)
	if errors.Is(err, apply.ErrExists) {
		return pki.Pair{}, phase.Waiting(
			controlplanev1.WaitingReason,
			"reading Secret "+secret.Name+", which has just appeared",
			retryDelay,
		)
	}
	return pair, err
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

// checkPairs checks what may have been supplied, and notes when the first of the CAs expires.
func (s *scope) checkPairs() error {
	var clusterCA *x509.Certificate
	for _, purpose := range purposesOf(s.controlPlane) {
		pair, name := s.pairs[purpose], pairName(s.cluster, purpose)
		if err := pki.Verify(purpose, pair, s.now); err != nil {
			return fmt.Errorf("secret %s: %w", name, err)
		}
		if !purpose.IsCA() {
			continue
		}
		certificate, err := pki.ParseCertificate(pair.Cert)
		if err != nil {
			return fmt.Errorf("secret %s: %w", name, err)
		}
		s.leaves.expires(certificate.NotAfter)
		if purpose == pki.KubernetesCA {
			clusterCA = certificate
		}
		// k0s issues from the front proxy CA; the leaves of the etcd CA are ours.
		if purpose != pki.FrontProxyCA {
			continue
		}
		if err := pki.VerifyName(purpose, certificate, clusterCA); err != nil {
			return fmt.Errorf("secret %s: %w", name, err)
		}
	}
	return nil
}

func pairName(cluster client.Object, purpose pki.Purpose) string {
	return cluster.GetName() + "-" + string(purpose)
}

func pairOf(secret *corev1.Secret) pki.Pair {
	return pki.Pair{Cert: secret.Data[pki.CertKey], Key: secret.Data[pki.PrivateKeyKey]}
}

// placedFingerprint is the fingerprint of the certificates in a pod. Private keys belong to them and need no mention.
func (s *scope) placedFingerprint(more ...[]byte) string {
	parts := make([][]byte, 0, len(s.pairs)+len(more))
	for _, purpose := range purposesOf(s.controlPlane) {
		parts = append(parts, s.pairs[purpose].Cert)
	}
	return s.key.Fingerprint(append(parts, more...)...)
}
