// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
)

const source = "postgres://user:password@database:5432/tiger"

func kine(c *controlplanev1.K0smotronControlPlane) {
	c.Spec.Storage.Type = controlplanev1.StorageTypeKine
	c.Spec.Storage.Kine.DataSourceSecretName = "database"
}

func (w *world) dataSource(url string) *corev1.Secret {
	w.t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "database"},
		Data:       map[string][]byte{controlplanev1.KineDataSourceKey: []byte(url)},
	}
	env.Create(w.t, secret)
	return secret
}

func TestKine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, kine)

	w.reconcile()
	condition := w.is(controlplanev1.EtcdClusterHealthyCondition, metav1.ConditionFalse)
	assert.Contains(t, condition.Message, "Secret database named in spec.storage.kine.dataSourceSecretName")

	secret := w.dataSource("")
	w.reconcile()
	condition = w.is(controlplanev1.EtcdClusterHealthyCondition, metav1.ConditionFalse)
	assert.Contains(t, condition.Message, controlplanev1.KineDataSourceKey)

	env.Get(t, secret)
	secret.Data[controlplanev1.KineDataSourceKey] = []byte(source)
	require.NoError(t, env.Client.Update(t.Context(), secret))
	w.reconcile()
	w.giveAddress()
	w.reconcile()
	assert.Contains(t, string(w.secret("k0s-config").Data[desired.KeyK0sConfig]), source)
	env.Get(t, secret)
	assert.Equal(t, w.cluster.Name, secret.Labels[clusterv1.ClusterNameLabel], "so that its changes are seen")
	assert.Empty(t, secret.OwnerReferences)

	w.hosted.up()
	w.runPods(w.podSetName(), 1)
	w.reconcile()
	w.reconcile()
	w.is(controlplanev1.AvailableCondition, metav1.ConditionTrue)
	sets := &appsv1.StatefulSetList{}
	require.NoError(t, env.Client.List(t.Context(), sets, inNamespace(w)))
	assert.Len(t, sets.Items, 1, "no etcd")

	// Another password restarts the pod.
	before := w.podSet().Generation
	env.Get(t, secret)
	secret.Data[controlplanev1.KineDataSourceKey] = []byte(source + "?sslmode=require")
	require.NoError(t, env.Client.Update(t.Context(), secret))
	w.reconcile()
	assert.Greater(t, w.podSet().Generation, before)
}

// TestEtcdIsIndependent: another k0s release does not restart etcd, and an etcd that runs keeps its release.
func TestEtcdIsIndependent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *controlplanev1.K0smotronControlPlane) { c.Spec.Version = "v1.33.13+k0s.1" }).available()
	etcd, pods := w.etcdSet(), w.podSet()
	assert.Equal(t, "quay.io/coreos/etcd:v3.5.33", etcd.Spec.Template.Spec.Containers[0].Image)

	w.change(func(c *controlplanev1.K0smotronControlPlane) { c.Spec.Version = "v1.34.10+k0s.0" })
	w.reconcile()
	assert.Equal(t, etcd.Generation, w.etcdSet().Generation)
	assert.Greater(t, w.podSet().Generation, pods.Generation)
	w.is(controlplanev1.RollingOutCondition, metav1.ConditionTrue)
	assert.Equal(t, "v1.33.13+k0s.1", w.controlPlane.Status.Version, "what runs, not what is wished")
	assert.Equal(t, int32(0), *w.controlPlane.Status.UpToDateReplicas)

	w.runPods(w.podSetName(), 1)
	w.reconcile()
	assert.Equal(t, "v1.34.10+k0s.0", w.controlPlane.Status.Version)
	told := w.is(controlplanev1.RollingOutCondition, metav1.ConditionFalse)
	assert.Contains(t, told.Message, "etcd", "the release it would be created with today waits")

	w.change(func(c *controlplanev1.K0smotronControlPlane) { c.Spec.Storage.Etcd.Image = "example.org/etcd:v3.6.14" })
	w.reconcile()
	assert.Greater(t, w.etcdSet().Generation, etcd.Generation, "its own settings restart it")
}

func TestVersionForms(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ version, image, want string }{
		"WithBuild":             {version: "v1.36.3+k0s.2", want: "v1.36.3+k0s.2"},
		"WithoutBuild":          {version: "v1.36.3+k0s", want: "v1.36.3+k0s"},
		"Plain":                 {version: "v1.36.3", want: "v1.36.3"},
		"OtherBuildUnmentioned": {version: "v1.36.3+k0s", image: "example.org/k0s:v1.36.3-k0s.2", want: "v1.36.3+k0s"},
		"OtherBuildMentioned":   {version: "v1.36.3+k0s.1", image: "example.org/k0s:v1.36.3-k0s.2", want: "v1.36.3+k0s.2"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *controlplanev1.K0smotronControlPlane) {
				c.Spec.Version, c.Spec.Image = tc.version, tc.image
			}).available()
			assert.Equal(t, tc.want, w.controlPlane.Status.Version)
		})
	}
}
