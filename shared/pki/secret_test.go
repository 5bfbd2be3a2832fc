// SPDX-License-Identifier: Apache-2.0

package pki_test

import (
	"context"
	"crypto/elliptic"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/testenv"
	"github.com/k0smotron/k0smotron/shared/testenv/faults"
)

var tiger = client.ObjectKey{Namespace: "default", Name: testenv.ClusterName}

func newServer(objects ...client.Object) client.WithWatch {
	cluster := testenv.Cluster(tiger.Namespace)
	cluster.UID = "cluster-uid"
	return fake.NewClientBuilder().WithScheme(testenv.MustScheme()).WithObjects(cluster).WithObjects(objects...).Build()
}

func newStore(server client.WithWatch) pki.Store {
	return pki.Store{Reader: server, Live: server, Writer: apply.New(server, "test"), Issuer: issuer()}
}

func ownerOf(t *testing.T, server client.Client) *clusterv1.Cluster {
	t.Helper()
	cluster := &clusterv1.Cluster{}
	require.NoError(t, server.Get(t.Context(), tiger, cluster))
	return cluster
}

// supplied is a Secret as a user makes it: kubectl create secret tls.
func supplied(purpose pki.Purpose, pair pki.Pair) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: tiger.Namespace, Name: purpose.SecretName(tiger.Name)},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{"tls.crt": pair.Cert, "tls.key": pair.Key},
	}
}

func TestEnsureMakesPairsOnce(t *testing.T) {
	t.Parallel()
	server := newServer()
	store, owner := newStore(server), ownerOf(t, server)
	first, err := store.Ensure(t.Context(), owner, tiger, pki.Purposes()...)
	require.NoError(t, err)
	assert.Len(t, first, len(pki.Purposes()))

	for _, purpose := range pki.Purposes() {
		secret := &corev1.Secret{}
		key := client.ObjectKey{Namespace: tiger.Namespace, Name: "tiger-" + string(purpose)}
		require.NoError(t, server.Get(t.Context(), key, secret))
		assert.Equal(t, corev1.SecretType("cluster.x-k8s.io/secret"), secret.Type)
		assert.Equal(t, "tiger", secret.Labels["cluster.x-k8s.io/cluster-name"])
		assert.True(t, metav1.IsControlledBy(secret, owner))
	}

	second, err := store.Ensure(t.Context(), owner, tiger, pki.Purposes()...)
	require.NoError(t, err)
	assert.Equal(t, first, second)
	existing, err := store.Existing(t.Context(), tiger, pki.Purposes()...)
	require.NoError(t, err)
	assert.Equal(t, first, existing)
}

func TestMissingPairOfAnInitializedClusterIsNeverMadeAnew(t *testing.T) {
	t.Parallel()
	server := newServer()
	store := newStore(server)
	_, err := store.Ensure(t.Context(), ownerOf(t, server), tiger, pki.Purposes()...)
	require.NoError(t, err)
	require.NoError(t, server.Delete(t.Context(), supplied(pki.ServiceAccount, pki.Pair{})))

	_, err = store.Existing(t.Context(), tiger, pki.Purposes()...)
	var missing *pki.MissingError
	require.ErrorAs(t, err, &missing)
	assert.Equal(t, "tiger-sa", missing.Secret)
	assert.ErrorContains(t, err, "restore it from a backup")
	secrets := &corev1.SecretList{}
	require.NoError(t, server.List(t.Context(), secrets))
	assert.Len(t, secrets.Items, len(pki.Purposes())-1, "nothing is touched")
}

func TestSuppliedPairsStayTheirMakers(t *testing.T) {
	t.Parallel()
	pair := newForeign(t, rsaKey(t, 2048)).pair(t)
	server := newServer(supplied(pki.KubernetesCA, pair))
	store := newStore(server)
	// The restricted cache does not hold a Secret without the label.
	store.Reader = interceptor.NewClient(server, interceptor.Funcs{
		Get: func(
			ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption,
		) error {
			list := &corev1.SecretList{}
			if err := c.List(ctx, list, client.HasLabels{clusterv1.ClusterNameLabel}); err != nil {
				return err
			}
			return filter(list).Get(ctx, key, o, opts...)
		},
	})

	pairs, err := store.Ensure(t.Context(), ownerOf(t, server), tiger, pki.KubernetesCA)
	require.NoError(t, err)
	assert.Equal(t, pair, pairs[pki.KubernetesCA])

	secret := supplied(pki.KubernetesCA, pki.Pair{})
	require.NoError(t, server.Get(t.Context(), client.ObjectKeyFromObject(secret), secret))
	assert.Equal(t, "tiger", secret.Labels[clusterv1.ClusterNameLabel], "from now on the cache holds it")
	assert.Empty(t, secret.OwnerReferences, "it does not go with the control plane")
	assert.Equal(t, corev1.SecretTypeTLS, secret.Type)
	assert.Equal(t, pair.Cert, secret.Data["tls.crt"])
	version := secret.ResourceVersion

	_, err = store.Existing(t.Context(), tiger, pki.KubernetesCA)
	require.NoError(t, err)
	require.NoError(t, server.Get(t.Context(), client.ObjectKeyFromObject(secret), secret))
	assert.Equal(t, version, secret.ResourceVersion)
}

// filter is a cache that holds only these Secrets.
func filter(list *corev1.SecretList) client.Reader {
	return fake.NewClientBuilder().WithScheme(testenv.MustScheme()).WithLists(list).Build()
}

func TestPairsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	good, other := newPair(t, pki.KubernetesCA), newPair(t, pki.KubernetesCA)
	old, err := issuerAt(now.Add(-2 * pki.CALife)).Pair(pki.KubernetesCA)
	require.NoError(t, err)
	cases := map[string]struct {
		purpose pki.Purpose
		pair    pki.Pair
	}{
		"KeyOfAnother": {pki.KubernetesCA, pki.Pair{Cert: good.Cert, Key: other.Key}},
		"NoKey":        {pki.KubernetesCA, pki.Pair{Cert: good.Cert}},
		"Expired":      {pki.KubernetesCA, old},
		"NotPEM":       {pki.ServiceAccount, pki.Pair{Cert: []byte("x"), Key: []byte("y")}},
		"UnknownName":  {pki.FrontProxyCA, newForeign(t, ecKey(t, elliptic.P256())).pair(t)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newServer(supplied(tc.purpose, tc.pair))
			store, owner := newStore(server), ownerOf(t, server)
			_, err := store.Ensure(t.Context(), owner, tiger, pki.Purposes()...)
			var invalid *pki.InvalidError
			require.ErrorAs(t, err, &invalid)
			assert.ErrorContains(t, err, "secret "+tc.purpose.SecretName("tiger"), "the message says where to look")
			_, err = store.Existing(t.Context(), tiger, tc.purpose)
			if tc.purpose != pki.FrontProxyCA {
				require.ErrorAs(t, err, &invalid)
			}
		})
	}
}

func TestCreateLosesARace(t *testing.T) {
	t.Parallel()
	theirs := newPair(t, pki.KubernetesCA)
	server := newServer()
	racing := interceptor.NewClient(server, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if err := c.Create(ctx, supplied(pki.KubernetesCA, theirs)); err != nil {
				return err
			}
			return c.Create(ctx, o, opts...)
		},
	})
	store := newStore(server)
	store.Writer = apply.New(racing, "test")
	pairs, err := store.Ensure(t.Context(), ownerOf(t, server), tiger, pki.KubernetesCA)
	require.NoError(t, err)
	assert.Equal(t, theirs, pairs[pki.KubernetesCA], "what is there first counts")

	server = newServer(supplied(pki.KubernetesCA, theirs))
	store = newStore(server)
	store.Reader = newServer()
	store.Live = store.Reader
	_, err = store.Ensure(t.Context(), ownerOf(t, server), tiger, pki.KubernetesCA)
	assert.ErrorContains(t, err, "appears and disappears")
}

func TestStoreErrors(t *testing.T) {
	t.Parallel()
	server := newServer()
	store := newStore(server)
	store.Reader = interceptor.NewClient(server, interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return errors.New("no cache")
		},
	})
	_, err := store.Ensure(t.Context(), ownerOf(t, server), tiger, pki.KubernetesCA)
	require.ErrorContains(t, err, "getting secret tiger-ca: no cache")
	_, err = store.Existing(t.Context(), tiger, pki.KubernetesCA)
	require.ErrorContains(t, err, "getting secret tiger-ca: no cache")
	err = store.Adopt(t.Context(), ownerOf(t, server), tiger, pki.KubernetesCA)
	require.ErrorContains(t, err, "getting secret tiger-ca: no cache")
}

// TestAdopt: what was ours finds its owner again, what users supplied stays theirs.
func TestAdopt(t *testing.T) {
	t.Parallel()
	pair, err := issuer().Pair(pki.EtcdCA)
	require.NoError(t, err)
	somebodyElses := supplied(pki.FrontProxyCA, pair)
	somebodyElses.Type = clusterv1.ClusterSecretType
	somebodyElses.OwnerReferences = []metav1.OwnerReference{
		{APIVersion: "example.org/v1", Kind: "Vault", Name: "v", UID: "1", Controller: new(true)},
	}
	lost := supplied(pki.KubernetesCA, pair)
	lost.Type = clusterv1.ClusterSecretType
	server := newServer(supplied(pki.EtcdCA, pair), somebodyElses, lost)
	owner := ownerOf(t, server)
	for range 2 {
		require.NoError(t, newStore(server).Adopt(t.Context(), owner, tiger, pki.Purposes()...))
	}
	for purpose, want := range map[pki.Purpose]string{
		pki.KubernetesCA: clusterv1.ClusterKind, pki.EtcdCA: "", pki.FrontProxyCA: "Vault",
	} {
		secret := supplied(purpose, pki.Pair{})
		require.NoError(t, server.Get(t.Context(), client.ObjectKeyFromObject(secret), secret))
		kind := ""
		if controller := metav1.GetControllerOf(secret); controller != nil {
			kind = controller.Kind
		}
		assert.Equal(t, want, kind, purpose)
	}
}

// TestFaults shows that no fault makes a second CA, and that what a first pass used stays.
func TestFaults(t *testing.T) {
	t.Parallel()
	faults.Run(t, faults.Scenario{
		NewWorld: func(testing.TB) faults.World {
			return faults.World{Management: newServer(), Namespace: tiger.Namespace}
		},
		Start: func(_ testing.TB, clients faults.Clients) faults.Pass {
			store := newStore(clients.Management)
			store.Live = clients.ManagementLive
			return func(ctx context.Context) error { return use(ctx, store, clients) }
		},
		Kinds: []client.ObjectList{&corev1.SecretList{}, &clusterv1.ClusterList{}},
		Normalise: func(object *unstructured.Unstructured) {
			delete(object.Object, "data")
			unstructured.RemoveNestedField(object.Object, "metadata", "annotations", "first-ca")
		},
	})
}

// use ensures the pairs and remembers on the Cluster which CA it saw first; seeing another one is the end of a cluster.
func use(ctx context.Context, store pki.Store, clients faults.Clients) error {
	cluster := &clusterv1.Cluster{}
	if err := clients.Management.Get(ctx, tiger, cluster); err != nil {
		return err
	}
	pairs, err := store.Ensure(ctx, cluster, tiger, pki.Purposes()...)
	if err != nil {
		return err
	}
	certificate, err := pki.ParseCertificate(pairs[pki.KubernetesCA].Cert)
	if err != nil {
		return err
	}
	seen := certificate.SerialNumber.String()
	switch cluster.Annotations["first-ca"] {
	case seen:
		return nil
	case "":
		cluster.Annotations = map[string]string{"first-ca": seen, "since": certificate.NotBefore.Format(time.RFC3339)}
		return clients.Management.Update(ctx, cluster)
	}
	return errors.New("a second CA")
}
