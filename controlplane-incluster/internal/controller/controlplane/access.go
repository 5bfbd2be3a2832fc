// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/hosted"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/kubeconfig"
	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/pki"
)

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
	if err := r.Applier.Apply(ctx, s.controlPlane, kubeconfig.Secret(s.clusterKey(), admin), join); err != nil {
		return phase.Outcome{}, err
	}
	s.access = hosted.Access{Cluster: s.clusterKey(), Kubeconfig: admin}
	return phase.Continue(), nil
}

// kubeconfig is the current admin kubeconfig while it is good, else a new one. It is not written here but with the other
// children, so that its labels and its owner are put right too when nothing is wrong with its content.
func (r *Reconciler) kubeconfig(ctx context.Context, s *scope, ca pki.CA) ([]byte, error) {
	admin := kubeconfig.Admin{Cluster: s.cluster.Name, Server: s.endpoint.Endpoint.URL()}
	standing := kubeconfig.Standing{Now: s.now, CA: ca, Admin: admin}
	for _, reader := range []client.Reader{r.Client, r.Live} { // The cache may be behind.
		secret := &corev1.Secret{}
		if _, err := lookup(ctx, reader, s.object(contract.KubeconfigName(s.cluster.Name)), secret); err != nil {
			return nil, err
		}
		standing.Current = secret.Data[kubeconfig.SecretKey]
		if !kubeconfig.RenewalOf(standing).Due() {
			return standing.Current, nil
		}
	}
	return kubeconfig.Build(r.Issuer, ca, admin)
}
