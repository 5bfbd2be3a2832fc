// SPDX-License-Identifier: Apache-2.0

package kubeconfig_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clocktesting "k8s.io/utils/clock/testing"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/kubeconfig"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/testenv"
	"github.com/k0smotron/k0smotron/shared/testenv/faults"
)

const serverURL = "https://10.0.0.1:6443"

var tiger = client.ObjectKey{Namespace: "default", Name: testenv.ClusterName}

// bench is a store on an API server that has one Cluster.
type bench struct {
	server client.WithWatch
	clock  *clocktesting.FakeClock
	store  kubeconfig.Store
	owner  *clusterv1.Cluster
	ca     pki.CA
}

func newBench(t testing.TB) bench {
	t.Helper()
	owner := testenv.Cluster(tiger.Namespace)
	owner.UID = "cluster-uid"
	server := fake.NewClientBuilder().WithScheme(testenv.MustScheme()).WithObjects(owner).Build()
	clock := testenv.Clock()
	issuer := pki.Issuer{Clock: clock, Random: rand.Reader}
	pair, err := issuer.Pair(pki.KubernetesCA)
	require.NoError(t, err)
	ca, err := pki.ParseCA(pair)
	require.NoError(t, err)
	return bench{
		server: server, clock: clock, owner: owner, ca: ca,
		store: kubeconfig.Store{Reader: server, Live: server, Writer: apply.New(server, "test"), Issuer: issuer},
	}
}

func (b bench) ensure(t *testing.T, url string) kubeconfig.Kept {
	t.Helper()
	kept, err := b.store.Ensure(t.Context(), b.owner, tiger, b.ca, url)
	require.NoError(t, err)
	kept.Secret.TypeMeta = metav1.TypeMeta{} // It is set where the Secret was written.
	return kept
}

func TestEnsureIssuesOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := b.ensure(t, serverURL)
	assert.Equal(t, first, b.ensure(t, serverURL))

	secret := &corev1.Secret{}
	require.NoError(t, b.server.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "tiger-kubeconfig"}, secret))
	assert.Equal(t, first.Kubeconfig, secret.Data["value"])
	assert.Equal(t, corev1.SecretType("cluster.x-k8s.io/secret"), secret.Type)
	assert.Equal(t, "tiger", secret.Labels["cluster.x-k8s.io/cluster-name"])
	assert.True(t, metav1.IsControlledBy(secret, b.owner))

	content, err := kubeconfig.Parse(first.Kubeconfig)
	require.NoError(t, err)
	assert.Equal(t, serverURL, content.Server)
}

func TestEnsureIssuesAnewWhenItMust(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		change func(t *testing.T, b *bench)
		url    string
	}{
		"OtherServer": {"the endpoint is part of it", func(*testing.T, *bench) {}, "https://10.0.0.2:6443"},
		"HalfOfItsLife": {
			"copies that somebody took keep working for half a year",
			func(_ *testing.T, b *bench) { b.clock.Step(pki.LeafLife/2 + 24*time.Hour) }, serverURL,
		},
		"OtherCA": {
			"it must trust the CA that is there",
			func(t *testing.T, b *bench) { t.Helper(); b.ca = newBench(t).ca }, serverURL,
		},
		"Deleted": {
			"somebody deleted the Secret",
			func(t *testing.T, b *bench) {
				t.Helper()
				require.NoError(t, b.server.Delete(t.Context(), kubeconfig.Secret(tiger, nil)))
			}, serverURL,
		},
		"Spoiled": {
			"somebody edited the Secret",
			func(t *testing.T, b *bench) {
				t.Helper()
				require.NoError(t, b.server.Update(t.Context(), kubeconfig.Secret(tiger, []byte("x"))))
			}, serverURL,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			first := b.ensure(t, serverURL)
			tc.change(t, &b)
			second := b.ensure(t, tc.url)
			assert.NotEqual(t, first.Kubeconfig, second.Kubeconfig, tc.reason)
			assert.Equal(t, second, b.ensure(t, tc.url), "and then it stays")
		})
	}
}

func TestRenewAtIsWhenEnsureIssuesAnew(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := b.ensure(t, serverURL)
	b.clock.SetTime(first.RenewAt.Add(-time.Second))
	assert.Equal(t, first, b.ensure(t, serverURL))
	b.clock.SetTime(first.RenewAt)
	assert.NotEqual(t, first, b.ensure(t, serverURL))
}

func TestStaleCacheIssuesNoSecondKubeconfig(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := b.ensure(t, serverURL)
	b.store.Reader = newBench(t).server
	assert.Equal(t, first, b.ensure(t, serverURL), "the live read finds it")
}

func TestEnsureErrors(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.store.Live = interceptor.NewClient(b.server, interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return errors.New("no API")
		},
	})
	_, err := b.store.Ensure(t.Context(), b.owner, tiger, b.ca, serverURL)
	require.ErrorContains(t, err, "getting secret tiger-kubeconfig: no API")

	b = newBench(t)
	b.store.Writer = apply.New(fake.NewClientBuilder().Build(), "test") // It does not know the owner's kind.
	_, err = b.store.Ensure(t.Context(), b.owner, tiger, b.ca, serverURL)
	assert.Error(t, err)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	ca := newBench(t).ca
	faults.Run(t, faults.Scenario{
		NewWorld: func(t testing.TB) faults.World {
			t.Helper()
			return faults.World{Management: newBench(t).server, Namespace: tiger.Namespace}
		},
		Start: func(_ testing.TB, clients faults.Clients) faults.Pass {
			store := kubeconfig.Store{
				Reader: clients.Management, Live: clients.ManagementLive, Writer: apply.New(clients.Management, "test"),
				Issuer: pki.Issuer{Clock: testenv.Clock(), Random: rand.Reader},
			}
			return func(ctx context.Context) error {
				owner := &clusterv1.Cluster{}
				if err := clients.Management.Get(ctx, tiger, owner); err != nil {
					return err
				}
				_, err := store.Ensure(ctx, owner, tiger, ca, serverURL)
				return err
			}
		},
		Kinds:     []client.ObjectList{&corev1.SecretList{}},
		Normalise: func(object *unstructured.Unstructured) { delete(object.Object, "data") },
	})
}
