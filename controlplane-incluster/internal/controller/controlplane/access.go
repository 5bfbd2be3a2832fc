// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/hosted"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/kubeconfig"
	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/pki"
)

// kubeconfigKey is the key of the kubeconfig in its Secret.
const kubeconfigKey = "value"

// accessApplied signs the admin kubeconfig and tells machines how to join. Both name the address that the control plane
// will have, so both can be there before it answers.
func (r *Reconciler) accessApplied(ctx context.Context, s *scope) (phase.Outcome, error) {
	ca, err := pki.ParseCA(s.pairs[pki.KubernetesCA])
	if err != nil {
		return phase.Outcome{}, fmt.Errorf("reading the cluster CA: %w", err)
	}
	admin, err := r.kubeconfig(ctx, s, ca)
	if err != nil {
		return phase.Outcome{}, err
	}
	join, err := contract.JoinInfoSecret(
		s.clusterKey(),
		contract.JoinInfo{WorkerURL: s.endpoint.Endpoint.URL(), CA: ca.PEM},
	)
	if err != nil {
		return phase.Outcome{}, err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.controlPlane.Namespace, Name: contract.KubeconfigName(s.cluster.Name),
			Labels: contract.ClusterLabels(s.cluster.Name),
		},
		Type: clusterv1.ClusterSecretType,
		Data: map[string][]byte{kubeconfigKey: admin},
	}
	if err := r.Applier.Apply(ctx, s.controlPlane, secret, join); err != nil {
		return phase.Outcome{}, err
	}
	s.access = hosted.Access{Cluster: s.clusterKey(), Kubeconfig: admin}
	return phase.Continue(), nil
}

// kubeconfig is the current admin kubeconfig while it is good, else a new one.
func (r *Reconciler) kubeconfig(ctx context.Context, s *scope, ca pki.CA) ([]byte, error) {
	admin := kubeconfig.Admin{Cluster: s.cluster.Name, Server: s.endpoint.Endpoint.URL()}
	standing := kubeconfig.Standing{Now: s.now, CA: ca, Admin: admin}
	key, secret := s.object(contract.KubeconfigName(s.cluster.Name)), &corev1.Secret{}
	if _, err := lookup(ctx, r.Client, key, secret); err != nil {
		return nil, err
	}
	standing.Current = secret.Data[kubeconfigKey]
	if !kubeconfig.RenewalOf(standing).Due() {
		return standing.Current, nil
	}
	// The cache may be behind.
	secret = &corev1.Secret{}
	if _, err := lookup(ctx, r.Live, key, secret); err != nil {
		return nil, err
	}
	standing.Current = secret.Data[kubeconfigKey]
	if !kubeconfig.RenewalOf(standing).Due() {
		return standing.Current, nil
	}
	return kubeconfig.Build(r.Issuer, ca, admin)
}
