// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

const soon = 15 * time.Second

// TestSecretsWakeTheRightOne: a data source that appears, a key that is added, a password that changes, a supplied CA that
// is put right.
func TestSecretsWakeTheRightOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, kine)
	bad := newPair(t, pki.KubernetesCA, time.Now())
	ca := w.supply(pki.KubernetesCA, pki.Pair{Cert: bad.Cert, Key: newPair(t, pki.KubernetesCA, time.Now()).Key})
	database := w.dataSource("")
	database.Labels = map[string]string{clusterv1.ClusterNameLabel: w.cluster.Name}
	require.NoError(t, env.Client.Update(t.Context(), database))
	w.start()
	w.becomes(controlplanev1.CertificatesAvailableCondition, metav1.ConditionFalse, soon)

	env.Change(t, ca, func() {
		ca.Data[pki.PrivateKeyKey] = bad.Key
	})
	w.becomes(controlplanev1.CertificatesAvailableCondition, metav1.ConditionTrue, soon)
	w.becomes(controlplanev1.EtcdClusterHealthyCondition, metav1.ConditionFalse, soon)

	env.Change(t, database, func() {
		database.Data[controlplanev1.KineDataSourceKey] = []byte(source)
	})
	w.exists(w.serviceName(), &corev1.Service{})
	w.giveAddress()
	w.exists(w.podSetName(), &appsv1.StatefulSet{})
	before := w.podSet().Generation

	env.Change(t, database, func() {
		database.Data[controlplanev1.KineDataSourceKey] = []byte(source + "?sslmode=require")
	})
	require.Eventually(t, func() bool { return w.podSet().Generation > before }, soon, 20*time.Millisecond)
}

// TestDriftIsRepaired: what somebody changes or deletes by hand comes back.
func TestDriftIsRepaired(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.comeUp()
	cases := map[string]struct {
		object client.Object
		spoil  func(client.Object)
		whole  func(client.Object) bool
	}{
		"Replicas": {
			object: &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: w.podSetName()}},
			spoil:  func(o client.Object) { o.(*appsv1.StatefulSet).Spec.Replicas = new(int32(0)) },
			whole:  func(o client.Object) bool { return *o.(*appsv1.StatefulSet).Spec.Replicas == 1 },
		},
		"Selector": {
			object: &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: w.serviceName()}},
			spoil:  func(o client.Object) { o.(*corev1.Service).Spec.Selector["k0smotron.io/role"] = "nobody" },
			whole: func(o client.Object) bool {
				return o.(*corev1.Service).Spec.Selector["k0smotron.io/role"] == "controlplane"
			},
		},
		"Budget": {
			object: &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: w.etcdSetName()}},
			spoil:  func(o client.Object) { o.(*policyv1.PodDisruptionBudget).Spec.MaxUnavailable.IntVal = 0 },
			whole:  func(o client.Object) bool { return o.(*policyv1.PodDisruptionBudget).Spec.MaxUnavailable.IntVal == 1 },
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { // They share one control plane.
			tc.object.SetNamespace(w.namespace)
			env.Change(t, tc.object, func() {
				tc.spoil(tc.object)
			})
			require.Eventually(t, func() bool { env.Get(t, tc.object); return tc.whole(tc.object) }, soon, 20*time.Millisecond)
		})
	}
	t.Run("Deleted", func(t *testing.T) { // As above.
		for _, object := range []client.Object{
			&corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: w.serviceName()}},
			&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: w.cluster.Name + "-k0s-join"}},
			&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: w.cluster.Name + "-kubeconfig"}},
		} {
			object.SetNamespace(w.namespace)
			require.NoError(t, env.Client.Delete(t.Context(), object))
			object.SetResourceVersion("")
			w.exists(object.GetName(), object)
		}
	})
}

// TestWatchFilter: objects without the label are others' business, also when an event of a child leads to them.
func TestWatchFilter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reconciler.WatchFilter = "mine"
	w.reconcile()
	assert.Empty(t, w.controlPlane.Finalizers)

	w.change(func(c *controlplanev1.K0smotronControlPlane) { c.Labels[clusterv1.WatchLabel] = "mine" })
	w.reconcile()
	assert.NotEmpty(t, w.controlPlane.Finalizers)
}

// TestTwoControlPlanesInOneNamespace do not disturb each other.
func TestTwoControlPlanesInOneNamespace(t *testing.T) {
	t.Parallel()
	first := newWorld(t).available()
	second := first.neighbour("lion")
	second.available()
	before := first.versions()
	for name := range before {
		if !assert.NotEmpty(t, name) {
			return
		}
	}
	first.reconcile()
	second.reconcile()
	assert.Equal(t, before, first.versions())

	require.NoError(t, env.Client.Delete(t.Context(), second.controlPlane))
	second.reconcile()
	second.gone(second.controlPlane)
	first.reconcile()
	first.is(controlplanev1.AvailableCondition, metav1.ConditionTrue)
	assert.NotNil(t, first.podSet())
}

// neighbour is another control plane in the same namespace.
func (w *world) neighbour(name string) *world {
	w.t.Helper()
	other := &world{t: w.t, namespace: w.namespace, clock: w.clock, hosted: &fakeClusters{}}
	other.cluster = testenv.Cluster(w.namespace, func(c *clusterv1.Cluster) { c.Name = name })
	env.Create(w.t, other.cluster)
	other.controlPlane = newControlPlane(w.namespace, name)
	testenv.OwnedBy(other.controlPlane, other.cluster, clusterv1.GroupVersion.WithKind("Cluster"))
	env.Create(w.t, other.controlPlane)
	other.reconciler = newReconciler(env.Client, other.clock, other.hosted)
	return other
}

// TestScalingIsTold while a pod is missing, and while one is too many.
func TestScalingIsTold(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		pods     int32
		up, down metav1.ConditionStatus
	}{
		"None": {pods: 0, up: metav1.ConditionTrue, down: metav1.ConditionFalse},
		"One":  {pods: 1, up: metav1.ConditionFalse, down: metav1.ConditionFalse},
		"Two":  {pods: 2, up: metav1.ConditionFalse, down: metav1.ConditionTrue},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).available()
			set := w.podSet()
			set.Status.Replicas = tc.pods
			set.Status.ReadyReplicas, set.Status.AvailableReplicas = min(1, tc.pods), min(1, tc.pods)
			set.Status.UpdatedReplicas, set.Status.CurrentReplicas = min(1, tc.pods), min(1, tc.pods)
			require.NoError(t, env.Client.Status().Update(t.Context(), set))
			w.reconcile()
			w.is(controlplanev1.ScalingUpCondition, tc.up)
			w.is(controlplanev1.ScalingDownCondition, tc.down)
			assert.Equal(t, tc.pods, *w.controlPlane.Status.Replicas)
		})
	}
}

// TestOldCertificatesOfK0sRestartThePod, once.
func TestOldCertificatesOfK0sRestartThePod(t *testing.T) {
	t.Parallel()
	w := newWorld(t, kine)
	w.dataSource(source)
	w.comesUpWithoutEtcd()
	before := w.podSet()
	w.step(200 * 24 * time.Hour)
	w.reconcile()
	assert.Equal(t, before.Spec.Template.Annotations, w.podSet().Spec.Template.Annotations, "too early")

	w.step(60 * 24 * time.Hour)
	w.reconcile()
	restarted := w.podSet()
	assert.NotEqual(t, before.Spec.Template.Annotations, restarted.Spec.Template.Annotations)
	w.step(24 * time.Hour)
	w.reconcile()
	assert.Equal(t, restarted.Spec.Template.Annotations, w.podSet().Spec.Template.Annotations, "it is under way")

	w.runPods(w.podSetName(), 1)
	w.step(24 * time.Hour)
	w.reconcile()
	assert.Equal(t, restarted.Generation, w.podSet().Generation, "and done")
	w.is(controlplanev1.AvailableCondition, metav1.ConditionTrue)
}

// TestShortLivedCertificatesOfK0s: what the user says about their life decides about restarts, and is told.
func TestShortLivedCertificatesOfK0s(t *testing.T) {
	t.Parallel()
	w := newWorld(t, kine, k0sConfig(`{"spec":{"api":{"ca":{"certificatesExpireAfter":"48h"}}}}`))
	w.dataSource(source)
	w.comesUpWithoutEtcd()
	for range 3 {
		started := w.clock.Now()
		assert.WithinDuration(t, started.Add(48*time.Hour), w.controlPlane.Status.CertificatesExpiryDate.Time, time.Second)
		before := w.podSet().Generation
		w.step(31 * time.Hour)
		w.reconcile()
		assert.Equal(t, before, w.podSet().Generation, "too early")
		w.step(time.Hour)
		w.reconcile()
		assert.Equal(t, before+1, w.podSet().Generation)
		w.runPods(w.podSetName(), 1)
		w.reconcile()
		assert.Equal(t, before+1, w.podSet().Generation, "once")
	}
}
