// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clocktesting "k8s.io/utils/clock/testing"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/controller/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/etcd"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/hosted"
	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/clusterconfig"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/testenv"
	"github.com/k0smotron/k0smotron/shared/workload"
)

const (
	fieldOwner = "k0smotron-controlplane-incluster"
	// address is what the load balancer gives.
	address = "10.211.0.200"
)

var env *testenv.Environment

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, testenv.Options{
		CRDPaths:    []string{"../../../config/crd/bases"},
		AddToScheme: []func(*runtime.Scheme) error{controlplanev1.AddToScheme},
	}, func(e *testenv.Environment) { env = e }))
}

// world is one control plane and what is around it. Nothing runs in it by itself: the test is the kubelet, the StatefulSet
// controller and the load balancer, and calls Reconcile.
type world struct {
	t            *testing.T
	namespace    string
	cluster      *clusterv1.Cluster
	controlPlane *controlplanev1.K0smotronControlPlane
	clock        *clocktesting.FakeClock
	hosted       *fakeClusters
	reconciler   *controlplane.Reconciler
}

func newWorld(t *testing.T, overrides ...func(*controlplanev1.K0smotronControlPlane)) *world {
	t.Helper()
	return newWorldNamed(t, testenv.ClusterName, overrides...)
}

func newWorldNamed(t *testing.T, name string, overrides ...func(*controlplanev1.K0smotronControlPlane)) *world {
	t.Helper()
	w := &world{t: t, namespace: env.Namespace(t), clock: testenv.Clock(), hosted: &fakeClusters{}}
	w.cluster = testenv.Cluster(w.namespace, func(c *clusterv1.Cluster) {
		c.Name = name
		c.Spec.ControlPlaneRef = clusterv1.ContractVersionedObjectReference{
			APIGroup: controlplanev1.GroupVersion.Group, Kind: "K0smotronControlPlane", Name: name,
		}
	})
	env.Create(t, w.cluster)
	w.controlPlane = newControlPlane(w.namespace, name, overrides...)
	testenv.OwnedBy(w.controlPlane, w.cluster, clusterv1.GroupVersion.WithKind("Cluster"))
	env.Create(t, w.controlPlane)
	w.reconciler = newReconciler(env.Client, w.clock, w.hosted)
	w.reconciler.Client = likeCache(env.Client)
	return w
}

// likeCache sees what the manager's cache holds: Secrets only with the name of their Cluster.
func likeCache(c client.WithWatch) client.Reader {
	return interceptor.NewClient(c, interceptor.Funcs{Get: func(
		ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption,
	) error {
		if err := c.Get(ctx, key, object, options...); err != nil {
			return err
		}
		_, labelled := object.GetLabels()[clusterv1.ClusterNameLabel]
		if _, isSecret := object.(*corev1.Secret); isSecret && !labelled {
			return apierrors.NewNotFound(corev1.Resource("secrets"), key.Name)
		}
		return nil
	}})
}

func newControlPlane(
	namespace, name string, overrides ...func(*controlplanev1.K0smotronControlPlane),
) *controlplanev1.K0smotronControlPlane {
	controlPlane := &controlplanev1.K0smotronControlPlane{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, Labels: map[string]string{clusterv1.ClusterNameLabel: name},
		},
		Spec: controlplanev1.K0smotronControlPlaneSpec{Version: "v1.36.3+k0s.2"},
	}
	controlPlane.Spec.Service.Type = controlplanev1.ServiceTypeLoadBalancer
	for _, override := range overrides {
		override(controlPlane)
	}
	return controlPlane
}

func newReconciler(
	c client.Client,
	clock *clocktesting.FakeClock,
	clusters controlplane.HostedClusters,
) *controlplane.Reconciler {
	return &controlplane.Reconciler{
		Client:   c,
		Live:     c,
		Applier:  apply.New(c, fieldOwner),
		Clusters: clusters,
		Nodes:    noNodeEvents{},
		Issuer:   pki.Issuer{Clock: clock, Random: rand.Reader},
		Clock:    clock,
		Renderer: desired.Renderer{PlacerImage: "registry.example.org/manager:v0.1.0"},
	}
}

// noNodeEvents is for tests that call Reconcile themselves.
type noNodeEvents struct{}

func (noNodeEvents) WatchNodes() error { return nil }

// fakeClusters is a hosted cluster as far as the controller asks it.
type fakeClusters struct {
	mutex     sync.Mutex
	ready     workload.Evidence
	serves    bool
	opinion   hosted.Opinion
	applied   []*unstructured.Unstructured
	probes    int
	opinions  int
	forgotten []client.ObjectKey
	access    hosted.Access
}

func (f *fakeClusters) Ready(_ context.Context, access hosted.Access) workload.Evidence {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.probes++
	f.access = access
	return f.ready
}

func (f *fakeClusters) ApplyConfig(
	_ context.Context, access hosted.Access, config *unstructured.Unstructured,
) (bool, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.access = access
	if f.serves {
		f.applied = append(f.applied, config)
	}
	return f.serves, nil
}

func (f *fakeClusters) Opinion(context.Context, hosted.Access, schema.GroupVersion) (hosted.Opinion, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.opinions++
	return f.opinion, nil
}

func (f *fakeClusters) Forget(cluster client.ObjectKey) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.forgotten = append(f.forgotten, cluster)
}

// up lets the hosted cluster answer everything.
func (f *fakeClusters) up() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.ready, f.serves = workload.Evidence{StatusCode: http.StatusOK}, true
	f.opinion = hosted.Opinion{Verdict: clusterconfig.VerdictReconciled}
}

// reconcile runs one pass that must not fail, and reads the control plane again.
func (w *world) reconcile() ctrl.Result {
	w.t.Helper()
	result, err := w.tryReconcile()
	require.NoError(w.t, err)
	return result
}

func (w *world) tryReconcile() (ctrl.Result, error) {
	w.t.Helper()
	key := client.ObjectKeyFromObject(w.controlPlane)
	result, err := w.reconciler.Reconcile(w.t.Context(), ctrl.Request{NamespacedName: key})
	read := &controlplanev1.K0smotronControlPlane{}
	if getErr := env.Client.Get(w.t.Context(), key, read); !apierrors.IsNotFound(getErr) {
		require.NoError(w.t, getErr)
		w.controlPlane = read
	}
	return result, err
}

func (w *world) identity() child.Identity {
	return child.Identity{Namespace: w.namespace, Cluster: w.cluster.Name}
}

func (w *world) podSetName() string  { return desired.NamesOf(w.identity()).StatefulSet() }
func (w *world) etcdSetName() string { return etcd.NamesOf(w.identity()).StatefulSet() }

// get reads a child by name.
func get[T client.Object](w *world, name string, object T) T {
	w.t.Helper()
	key := client.ObjectKey{Namespace: w.namespace, Name: name}
	require.NoError(w.t, env.Client.Get(w.t.Context(), key, object))
	return object
}

func (w *world) secret(suffix string) *corev1.Secret {
	w.t.Helper()
	return get(w, w.cluster.Name+"-"+suffix, &corev1.Secret{})
}

func (w *world) podSet() *appsv1.StatefulSet {
	w.t.Helper()
	return get(w, w.podSetName(), &appsv1.StatefulSet{})
}

func (w *world) etcdSet() *appsv1.StatefulSet {
	w.t.Helper()
	return get(w, w.etcdSetName(), &appsv1.StatefulSet{})
}

// giveAddress is the load balancer.
func (w *world) giveAddress() {
	w.t.Helper()
	service := get(w, desired.NamesOf(w.identity()).Service(), &corev1.Service{})
	env.ChangeStatus(w.t, service, func() {
		service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: address}}
	})
}

// runPods is the StatefulSet controller and the kubelet: all pods of a StatefulSet run its newest template.
func (w *world) runPods(name string, ready int32) {
	w.t.Helper()
	set := get(w, name, &appsv1.StatefulSet{})
	env.ChangeStatus(w.t, set, func() {
		set.Status = appsv1.StatefulSetStatus{
			ObservedGeneration: set.Generation, Replicas: 1, ReadyReplicas: ready, AvailableReplicas: ready,
			UpdatedReplicas: 1, CurrentReplicas: 1, CurrentRevision: "a", UpdateRevision: "a",
		}
	})
	if name == w.podSetName() {
		w.runPod(set, map[int32]corev1.ConditionStatus{0: corev1.ConditionFalse, 1: corev1.ConditionTrue}[ready])
	}
}

// runPod replaces the pod of a StatefulSet by one of its newest template.
func (w *world) runPod(set *appsv1.StatefulSet, ready corev1.ConditionStatus) {
	w.t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: w.namespace, Name: set.Name + "-0", Labels: set.Spec.Template.Labels,
	}}
	require.NoError(w.t, client.IgnoreNotFound(
		env.Client.Delete(w.t.Context(), pod.DeepCopy(), client.GracePeriodSeconds(0))))
	pod.Spec = *set.Spec.Template.Spec.DeepCopy()
	require.NoError(w.t, env.Client.Create(w.t.Context(), pod))
	pod.Status.StartTime = new(metav1.NewTime(w.clock.Now()))
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
	require.NoError(w.t, env.Client.Status().Update(w.t.Context(), pod))
}

// available brings the control plane up.
func (w *world) available() *world {
	w.t.Helper()
	w.reconcile()
	w.giveAddress()
	w.reconcile()
	w.runPods(w.etcdSetName(), 1)
	w.runPods(w.podSetName(), 1)
	w.hosted.up()
	w.reconcile() // is initialised
	w.reconcile() // applies the cluster-wide configuration
	w.reconcile() // takes the verdict
	w.is(controlplanev1.AvailableCondition, metav1.ConditionTrue)
	return w
}

// is checks a condition and returns it.
func (w *world) is(conditionType string, status metav1.ConditionStatus) metav1.Condition {
	w.t.Helper()
	for _, condition := range w.controlPlane.Status.Conditions {
		if condition.Type == conditionType {
			require.Equal(w.t, status, condition.Status, "%s: %s: %s", conditionType, condition.Reason, condition.Message)
			return condition
		}
	}
	require.Failf(w.t, "condition is missing", "%s of %v", conditionType, w.controlPlane.Status.Conditions)
	return metav1.Condition{}
}

// change updates the spec as a user would.
func (w *world) change(mutate func(*controlplanev1.K0smotronControlPlane)) {
	w.t.Helper()
	env.Change(w.t, w.controlPlane, func() { mutate(w.controlPlane) })
}

// step moves the clock.
func (w *world) step(d time.Duration) { w.clock.Step(d) }
