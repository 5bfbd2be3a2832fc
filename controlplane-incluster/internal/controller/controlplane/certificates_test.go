// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// supply is a user who makes a pair before the cluster comes up. The Secret is as openssl and kubectl make it: without
// our label and of another type.
func (w *world) supply(purpose pki.Purpose, pair pki.Pair) *corev1.Secret {
	w.t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: w.cluster.Name + "-" + string(purpose)},
		Type:       corev1.SecretTypeOpaque,
		Data:       map[string][]byte{pki.CertKey: pair.Cert, pki.PrivateKeyKey: pair.Key},
	}
	env.Create(w.t, secret)
	return secret
}

func newPair(t *testing.T, purpose pki.Purpose, now time.Time) pki.Pair {
	t.Helper()
	clock := testenv.Clock()
	clock.SetTime(now)
	pair, err := pki.Issuer{Clock: clock, Random: rand.Reader}.Pair(purpose)
	require.NoError(t, err)
	return pair
}

func TestCertificatesAreCreatedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reconcile()
	before := map[string]string{}
	for _, purpose := range pki.Purposes() {
		secret := w.secret(string(purpose))
		before[secret.Name] = secret.ResourceVersion
		assert.Equal(t, clusterv1.ClusterSecretType, secret.Type)
		assert.Equal(t, w.cluster.Name, secret.Labels[clusterv1.ClusterNameLabel])
		assert.True(t, metav1.IsControlledBy(secret, w.controlPlane))
		assert.NoError(
			t,
			pki.Verify(purpose, pki.Pair{Cert: secret.Data["tls.crt"], Key: secret.Data["tls.key"]}, w.clock.Now()),
		)
	}
	w.step(9 * 365 * 24 * time.Hour)
	w.reconcile()
	for name, version := range before {
		assert.Equal(t, version, get(w, name, &corev1.Secret{}).ResourceVersion, name)
	}
}

func TestSuppliedCertificatesAreUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	supplied := w.supply(pki.KubernetesCA, newPair(t, pki.KubernetesCA, testenv.Now))
	w.reconcile()
	w.is(controlplanev1.CertificatesAvailableCondition, metav1.ConditionTrue)

	live := w.secret("ca")
	assert.Equal(t, supplied.Data, live.Data)
	assert.Equal(t, supplied.Type, live.Type)
	assert.Empty(t, live.OwnerReferences, "it stays the user's: deleting the cluster leaves it alone")
	assert.Equal(t, w.cluster.Name, live.Labels[clusterv1.ClusterNameLabel], "so that its changes are seen")
}

func TestSuppliedCertificatesAreChecked(t *testing.T) {
	t.Parallel()
	good, other := newPair(t, pki.KubernetesCA, testenv.Now), newPair(t, pki.KubernetesCA, testenv.Now)
	cases := map[string]struct {
		purpose pki.Purpose
		pair    pki.Pair
		want    []string
	}{
		"OtherKey": {
			pki.KubernetesCA,
			pki.Pair{Cert: good.Cert, Key: other.Key},
			[]string{"tiger-ca", "tls.crt", "both halves of one pair"},
		},
		"NoKey": {pki.KubernetesCA, pki.Pair{Cert: good.Cert}, []string{"tiger-ca", "tls.key"}},
		"Expired": {
			pki.KubernetesCA, newPair(t, pki.KubernetesCA, testenv.Now.Add(-11*365*24*time.Hour)),
			[]string{"tiger-ca", "expired"},
		},
		"Nonsense": {pki.EtcdCA, pki.Pair{Cert: []byte("a"), Key: []byte("b")}, []string{"tiger-etcd", "tls.key"}},
		"FrontProxyOfAnotherName": {
			pki.FrontProxyCA, newPair(t, pki.EtcdCA, testenv.Now),
			[]string{"tiger-proxy", "never renews", "kubernetes-front-proxy-ca"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.supply(tc.purpose, tc.pair)
			_, err := w.tryReconcile()
			require.Error(t, err)
			condition := w.is(controlplanev1.CertificatesAvailableCondition, metav1.ConditionFalse)
			for _, word := range tc.want {
				assert.Contains(t, condition.Message, word)
			}
			assert.NotContains(t, condition.Message, "PRIVATE KEY")
			services := &corev1.ServiceList{}
			require.NoError(t, env.Client.List(t.Context(), services, inNamespace(w)))
			assert.Empty(t, services.Items, "nothing is started with it")
		})
	}
}

// TestLostCertificatesAreNotMadeAnew: after the cluster was up, a missing pair is told and nothing is touched.
func TestLostCertificatesAreNotMadeAnew(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*world){
		"Status": func(*world) {},
		"StatusLostWhileMoved": func(w *world) {
			w.controlPlane.Status = controlplanev1.K0smotronControlPlaneStatus{ExternalManagedControlPlane: new(true)}
			require.NoError(w.t, env.Client.Status().Update(w.t.Context(), w.controlPlane))
		},
	}
	for name, lose := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).available()
			lose(w)
			require.NoError(t, env.Client.Delete(t.Context(), w.secret("sa")))
			before := w.versions()

			_, err := w.tryReconcile()
			require.Error(t, err)
			condition := w.is(controlplanev1.CertificatesAvailableCondition, metav1.ConditionFalse)
			assert.Contains(t, condition.Message, "tiger-sa")
			assert.Contains(t, condition.Message, "backup")
			w.is(controlplanev1.AvailableCondition, metav1.ConditionFalse)
			after := w.versions()
			delete(before, "K0smotronControlPlaneList/tiger")
			delete(after, "K0smotronControlPlaneList/tiger")
			assert.Equal(t, before, after)
		})
	}
}

// TestLeavesAreRenewed: at a third of their life, and what mounts them is restarted.
func TestLeavesAreRenewed(t *testing.T) {
	t.Parallel()
	w := newWorld(t).available()
	server, client := w.secret("etcd-server"), w.secret("apiserver-etcd-client")
	podSet, etcdSet := w.podSet(), w.etcdSet()
	assert.Equal(t, testenv.Now.Add(pki.LeafLife).UTC(), w.controlPlane.Status.CertificatesExpiryDate.UTC())

	w.step(pki.LeafLife/2 - time.Hour)
	w.reconcile()
	assert.Equal(t, server.Data, w.secret("etcd-server").Data, "too early")

	w.step(pki.LeafLife / 4)
	w.reconcile()
	assert.NotEqual(t, server.Data["server.crt"], w.secret("etcd-server").Data["server.crt"])
	assert.NotEqual(t, server.Data["peer.crt"], w.secret("etcd-server").Data["peer.crt"])
	assert.NotEqual(t, client.Data["tls.crt"], w.secret("apiserver-etcd-client").Data["tls.crt"])
	assert.NotEqual(t, podSet.Spec.Template.Annotations, w.podSet().Spec.Template.Annotations)
	assert.NotEqual(t, etcdSet.Spec.Template.Annotations, w.etcdSet().Spec.Template.Annotations)
	w.is(controlplanev1.RollingOutCondition, metav1.ConditionTrue)

	w.runPods(w.etcdSetName(), 1)
	w.runPods(w.podSetName(), 1)
	w.reconcile()
	w.is(controlplanev1.RollingOutCondition, metav1.ConditionFalse)
	before := w.versions()
	w.reconcile()
	assert.Equal(t, before, w.versions(), "once")
}

// TestKubeconfigIsRenewed: at half of its life, without any restart.
func TestKubeconfigIsRenewed(t *testing.T) {
	t.Parallel()
	w := newWorld(t).available()
	before, set := w.secret("kubeconfig"), w.podSet()
	w.step(pki.LeafLife/2 + time.Hour)
	w.reconcile()
	assert.NotEqual(t, before.Data, w.secret("kubeconfig").Data)
	assert.Equal(t, set.Generation, w.podSet().Generation)
}

// TestNoSecretsWhereManyRead: annotations, arguments and environments hold no keys and no passwords.
func TestNoSecretsWhereManyRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, kine)
	w.dataSource(source)
	w.reconcile()
	w.giveAddress()
	w.reconcile()
	text := string(testenv.YAML(t, env.Scheme, w.podSet(), w.controlPlane))
	assert.NotContains(t, text, "PRIVATE KEY")
	assert.NotContains(t, text, "password")
	maps := &corev1.ConfigMapList{}
	require.NoError(t, env.Client.List(t.Context(), maps, inNamespace(w)))
	assert.Empty(t, maps.Items)
}
