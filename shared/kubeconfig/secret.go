// SPDX-License-Identifier: Apache-2.0

package kubeconfig

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/pki"
)

// SecretKey is the key of the kubeconfig in the Secret <cluster>-kubeconfig, as Cluster API reads it.
const SecretKey = "value"

// Store keeps the admin kubeconfigs of clusters in the Secrets that Cluster API expects.
type Store struct {
	// Reader reads the management cluster from the cache.
	Reader client.Reader
	// Live reads the management cluster itself; it is asked only when a kubeconfig is about to be issued.
	Live client.Reader
	// Writer writes to the management cluster.
	Writer *apply.Applier
	// Issuer signs.
	Issuer pki.Issuer
}

// Kept is a kubeconfig as it lies in its Secret.
type Kept struct {
	// Kubeconfig is the content.
	Kubeconfig []byte
	// RenewAt is when to look at it again.
	RenewAt time.Time
	// Secret is the live state of the Secret.
	Secret *corev1.Secret
}

// Ensure returns the admin kubeconfig of a cluster, and sees to its Secret, which belongs to owner. While the kubeconfig at
// hand is good it stays; otherwise a new one is issued from the cluster CA. A Secret that is as wanted is not written.
func (s Store) Ensure(
	ctx context.Context, owner client.Object, cluster client.ObjectKey, ca pki.CA, server string,
) (Kept, error) {
	standing := Standing{Now: s.Issuer.Clock.Now(), CA: ca, Admin: Admin{Cluster: cluster.Name, Server: server}}
	kubeconfig, err := s.good(ctx, cluster, standing)
	if err != nil {
		return Kept{}, err
	}
	secret := Secret(cluster, kubeconfig)
	if err := s.Writer.Apply(ctx, owner, secret); err != nil {
		return Kept{}, err
	}
	return kept(secret, kubeconfig)
}

// good is the kubeconfig at hand, or a new one when that is due.
func (s Store) good(ctx context.Context, cluster client.ObjectKey, standing Standing) ([]byte, error) {
	for _, reader := range []client.Reader{s.Reader, s.Live} {
		current, err := current(ctx, reader, cluster)
		if err != nil {
			return nil, err
		}
		standing.Current = current
		if !RenewalOf(standing).Due() {
			return current, nil
		}
	}
	return Build(s.Issuer, standing.CA, standing.Admin)
}

// Secret is the Secret <cluster>-kubeconfig.
func Secret(cluster client.ObjectKey, kubeconfig []byte) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: cluster.Namespace, Name: contract.KubeconfigName(cluster.Name),
			Labels: contract.ClusterLabels(cluster.Name),
		},
		Type: clusterv1.ClusterSecretType,
		Data: map[string][]byte{SecretKey: kubeconfig},
	}
}

func kept(secret *corev1.Secret, kubeconfig []byte) (Kept, error) {
	content, err := Parse(kubeconfig)
	if err != nil {
		return Kept{}, err
	}
	renewAt, err := RenewalTime(content)
	return Kept{Kubeconfig: kubeconfig, RenewAt: renewAt, Secret: secret}, err
}

// current returns the kubeconfig at hand, empty when there is none.
func current(ctx context.Context, reader client.Reader, cluster client.ObjectKey) ([]byte, error) {
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: cluster.Namespace, Name: contract.KubeconfigName(cluster.Name)}
	err := reader.Get(ctx, key, secret)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("getting secret %s: %w", key.Name, err)
	}
	return secret.Data[SecretKey], nil
}
