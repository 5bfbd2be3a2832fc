// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// Store keeps the pairs of clusters in the Secrets that Cluster API expects. Users may put a Secret there first, also one
// of type kubernetes.io/tls; it stays theirs. A pair that exists is never overwritten.
type Store struct {
	// Reader reads the management cluster from the cache, which holds only Secrets labelled with their Cluster.
	Reader client.Reader
	// Live reads the management cluster itself; it is asked only when the cache has no Secret where one must be.
	Live client.Reader
	// Writer writes to the management cluster.
	Writer *apply.Applier
	// Issuer makes new pairs.
	Issuer Issuer
}

// MissingError says that a pair is gone although the cluster was initialised with it. It is never made anew: that would
// cut off every machine and every token.
type MissingError struct {
	// Secret is the name of the Secret that is missing.
	Secret string
}

// Error is a sentence for a condition.
func (e *MissingError) Error() string {
	return "secret " + e.Secret + " is missing, and it cannot be made anew because the cluster was initialized with it: " +
		"restore it from a backup"
}

// SecretName is the name of the Secret of a pair. The contract fixes it: it is never cut.
func (p Purpose) SecretName(cluster string) string { return cluster + "-" + string(p) }

// Existing returns the pairs of an initialised cluster. A missing one is a *MissingError; one that cannot be used is an
// error that wraps an *InvalidError and names the Secret.
func (s Store) Existing(
	ctx context.Context, cluster client.ObjectKey, purposes ...Purpose,
) (map[Purpose]Pair, error) {
	pairs := make(map[Purpose]Pair, len(purposes))
	for _, purpose := range purposes {
		pair, err := s.find(ctx, cluster, purpose)
		if err != nil {
			return nil, err
		}
		if pair.IsZero() {
			return nil, &MissingError{Secret: purpose.SecretName(cluster.Name)}
		}
		pairs[purpose] = pair
	}
	return pairs, s.verify(cluster, purposes, pairs)
}

// Ensure returns the pairs of a cluster that is not initialised yet and makes those that are missing; they belong to
// owner. A pair that cannot be used is an error that wraps an *InvalidError and names the Secret.
func (s Store) Ensure(
	ctx context.Context, owner client.Object, cluster client.ObjectKey, purposes ...Purpose,
) (map[Purpose]Pair, error) {
	pairs := make(map[Purpose]Pair, len(purposes))
	for _, purpose := range purposes {
		secret := &corev1.Secret{}
		cached, err := get(ctx, s.Reader, cluster, purpose, secret)
		pair := pairOf(secret)
		if err == nil && !cached {
			pair, err = s.create(ctx, owner, cluster, purpose)
		}
		if err != nil {
			return nil, err
		}
		pairs[purpose] = pair
	}
	return pairs, s.verify(cluster, purposes, pairs)
}

// Adopt makes owner the controller of the Secrets of pairs that have none, as after a restore, and lets one of ours follow
// the version of its API. As with Cluster API's own control plane, the type tells whose a Secret is: one of another type
// than Cluster API's stays the user's. It reads from the cache and costs a request only when something changes.
func (s Store) Adopt(ctx context.Context, owner client.Object, cluster client.ObjectKey, purposes ...Purpose) error {
	for _, purpose := range purposes {
		secret := &corev1.Secret{}
		cached, err := get(ctx, s.Reader, cluster, purpose, secret)
		if err != nil {
			return err
		}
		if !cached || secret.Type != clusterv1.ClusterSecretType {
			continue
		}
		err = s.Writer.Adopt(ctx, owner, secret)
		if _, taken := errors.AsType[*controllerutil.AlreadyOwnedError](err); err != nil && !taken {
			return err
		}
	}
	return nil
}

// find returns the pair, or the zero pair when neither the cache nor the API server has its Secret.
func (s Store) find(ctx context.Context, cluster client.ObjectKey, purpose Purpose) (Pair, error) {
	secret := &corev1.Secret{}
	cached, err := get(ctx, s.Reader, cluster, purpose, secret)
	if err != nil || cached {
		return pairOf(secret), err
	}
	return s.live(ctx, cluster, purpose)
}

// live is find without the cache. What it finds is in the cache the next time.
func (s Store) live(ctx context.Context, cluster client.ObjectKey, purpose Purpose) (Pair, error) {
	secret := &corev1.Secret{}
	found, err := get(ctx, s.Live, cluster, purpose, secret)
	if err != nil || !found {
		return Pair{}, err
	}
	return pairOf(secret), s.label(ctx, secret, cluster.Name)
}

// label makes a Secret that a user supplied visible to the cache. Nothing else about it is touched.
func (s Store) label(ctx context.Context, secret *corev1.Secret, cluster string) error {
	if secret.Labels[clusterv1.ClusterNameLabel] == cluster {
		return nil // It is only too new for the cache.
	}
	return s.Writer.Apply(ctx, nil, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: secret.Namespace, Name: secret.Name, Labels: contract.ClusterLabels(cluster),
	}})
}

// create makes a pair. When there is a Secret that the cache does not hold, because it is too new or a user's, that counts.
func (s Store) create(
	ctx context.Context, owner client.Object, cluster client.ObjectKey, purpose Purpose,
) (Pair, error) {
	pair, err := s.Issuer.Pair(purpose)
	if err != nil {
		return Pair{}, fmt.Errorf("making the %s pair: %w", purpose, err)
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: cluster.Namespace, Name: purpose.SecretName(cluster.Name), Labels: contract.ClusterLabels(cluster.Name),
		},
		Type: clusterv1.ClusterSecretType,
		Data: map[string][]byte{CertKey: pair.Cert, PrivateKeyKey: pair.Key},
	}
	err = s.Writer.Create(ctx, owner, secret)
	if !errors.Is(err, apply.ErrExists) {
		return pair, err
	}
	pair, err = s.live(ctx, cluster, purpose)
	if err == nil && pair.IsZero() {
		err = fmt.Errorf("creating secret %s: it appears and disappears", secret.Name)
	}
	return pair, err
}

// verify judges all pairs, also our own: a Secret can be edited at any time.
func (s Store) verify(cluster client.ObjectKey, purposes []Purpose, pairs map[Purpose]Pair) error {
	for _, purpose := range purposes {
		if err := Verify(purpose, pairs[purpose], s.Issuer.Clock.Now()); err != nil {
			return fmt.Errorf("secret %s: %w", purpose.SecretName(cluster.Name), err)
		}
	}
	return verifyFrontProxy(cluster, pairs)
}

// verifyFrontProxy checks the one name that matters beside the cluster CA's: k0s issues a leaf from this CA and renews it
// only under a name it knows. The leaves of the etcd CA are ours.
func verifyFrontProxy(cluster client.ObjectKey, pairs map[Purpose]Pair) error {
	proxy, ca := pairs[FrontProxyCA], pairs[KubernetesCA]
	if proxy.IsZero() || ca.IsZero() {
		return nil
	}
	name := FrontProxyCA.SecretName(cluster.Name)
	certificate, err := ParseCertificate(proxy.Cert)
	if err != nil {
		return fmt.Errorf("secret %s: %w", name, err)
	}
	clusterCA, err := ParseCertificate(ca.Cert)
	if err != nil {
		return fmt.Errorf("secret %s: %w", KubernetesCA.SecretName(cluster.Name), err)
	}
	if err := VerifyName(FrontProxyCA, certificate, clusterCA); err != nil {
		return fmt.Errorf("secret %s: %w", name, err)
	}
	return nil
}

// get reads the Secret of a pair; false when there is none.
func get(
	ctx context.Context, reader client.Reader, cluster client.ObjectKey, purpose Purpose, secret *corev1.Secret,
) (bool, error) {
	key := client.ObjectKey{Namespace: cluster.Namespace, Name: purpose.SecretName(cluster.Name)}
	err := reader.Get(ctx, key, secret)
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("getting secret %s: %w", key.Name, err)
	}
	return err == nil, nil
}

func pairOf(secret *corev1.Secret) Pair {
	return Pair{Cert: secret.Data[CertKey], Key: secret.Data[PrivateKeyKey]}
}
