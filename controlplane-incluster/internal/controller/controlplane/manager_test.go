// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// requests counts what a manager asks of the API server.
type requests struct {
	mutex sync.Mutex
	reads []string
	write []string
}

// counted returns a transport that counts, watches and discovery left out: they are not per control plane.
func (r *requests) counted(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		line := request.Method + " " + request.URL.Path
		informer := request.URL.Query().Get("watch") != "" || request.URL.Query().Get("resourceVersion") == "0" ||
			request.URL.Query().Has("sendInitialEvents") || request.URL.Query().Has("limit")
		discovery := !strings.Contains(request.URL.Path, "/namespaces/")
		if !informer && !discovery {
			r.mutex.Lock()
			if request.Method == http.MethodGet {
				r.reads = append(r.reads, line)
			} else {
				r.write = append(r.write, line)
			}
			r.mutex.Unlock()
		}
		return next.RoundTrip(request)
	})
}

func (r *requests) take() (reads, writes []string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	reads, writes = r.reads, r.write
	r.reads, r.write = nil, nil
	return reads, writes
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// start runs the controller as the manager does: with a cache, watches and a work queue, in one namespace.
func (w *world) start() *requests {
	w.t.Helper()
	counter := &requests{}
	config := rest.CopyConfig(env.Config)
	config.Wrap(counter.counted)
	withRole, err := labels.Parse(contract.RoleLabel)
	require.NoError(w.t, err)
	ofCluster, err := labels.Parse(clusterv1.ClusterNameLabel)
	require.NoError(w.t, err)
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: env.Scheme, Metrics: metricsserver.Options{BindAddress: "0"},
		Cache: cache.Options{
			DefaultNamespaces: map[string]cache.Config{w.namespace: {}},
			ByObject: map[client.Object]cache.ByObject{
				&corev1.Pod{}: {Label: withRole}, &corev1.Secret{}: {Label: ofCluster},
			},
			DefaultTransform: cache.TransformStripManagedFields(),
		},
		Client: client.Options{Cache: &client.CacheOptions{Unstructured: true}},
	})
	require.NoError(w.t, err)
	reconciler := newReconciler(mgr.GetClient(), w.clock, w.hosted)
	reconciler.Live, reconciler.Clock = mgr.GetAPIReader(), clock.RealClock{}
	reconciler.Issuer.Clock = clock.RealClock{}
	reconciler.Applier = apply.New(mgr.GetClient(), fieldOwner)
	require.NoError(w.t, reconciler.SetupWithManager(mgr, controller.Options{SkipNameValidation: new(true)}))
	go func() { assert.NoError(w.t, mgr.Start(w.t.Context())) }()
	return counter
}

// becomes waits until a condition has a status.
func (w *world) becomes(conditionType string, status metav1.ConditionStatus, within time.Duration) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		env.Get(w.t, w.controlPlane)
		for _, c := range w.controlPlane.Status.Conditions {
			if c.Type == conditionType {
				return c.Status == status
			}
		}
		return false
	}, within, 20*time.Millisecond, "%s does not become %s: %v", conditionType, status, w.controlPlane.Status.Conditions)
}

// exists waits for an object.
func (w *world) exists(name string, object client.Object) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		return env.Client.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, object) == nil
	}, 20*time.Second, 20*time.Millisecond, "%T %s does not appear", object, name)
}

// comeUp plays everybody else until the control plane is up.
func (w *world) comeUp() {
	w.t.Helper()
	w.exists(w.etcdSetName(), &appsv1.StatefulSet{})
	w.exists(w.serviceName(), &corev1.Service{})
	w.giveAddress()
	w.exists(w.podSetName(), &appsv1.StatefulSet{})
	w.hosted.up()
	w.runPods(w.etcdSetName(), 1)
	w.runPods(w.podSetName(), 1)
	w.becomes(controlplanev1.AvailableCondition, metav1.ConditionTrue, 20*time.Second)
	w.becomes(controlplanev1.ConfigurationAppliedCondition, metav1.ConditionTrue, 20*time.Second)
}

// TestRequests counts what the manager asks of the management cluster: at most 30 writes and 30 reads up to Available,
// and nothing at all afterwards.
func TestRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	counter := w.start()
	w.comeUp()

	reads, writes := counter.take()
	t.Logf("%d reads, %d writes up to Available\n%s\n%s", len(reads), len(writes),
		strings.Join(reads, "\n"), strings.Join(writes, "\n"))
	assert.LessOrEqual(t, len(reads), 30)
	assert.LessOrEqual(t, len(writes), 30)

	time.Sleep(2 * time.Second) // what is still under way
	counter.take()
	before := w.versions()
	time.Sleep(5 * time.Second)
	reads, writes = counter.take()
	assert.Empty(t, reads, "a control plane at rest reads nothing")
	assert.Empty(t, writes, "and writes nothing")
	assert.Equal(t, before, w.versions())
}

// TestEventsArrive: everything a control plane waits for wakes it at once.
func TestEventsArrive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.comeUp()

	w.runPods(w.podSetName(), 0)
	w.becomes(controlplanev1.AvailableCondition, metav1.ConditionFalse, 15*time.Second)
	w.runPods(w.podSetName(), 1)
	w.becomes(controlplanev1.AvailableCondition, metav1.ConditionTrue, 15*time.Second)

	// A Secret that is lost is told, and heals when it is back.
	ca := w.secret("ca")
	require.NoError(t, env.Client.Delete(t.Context(), ca))
	w.becomes(controlplanev1.CertificatesAvailableCondition, metav1.ConditionFalse, 15*time.Second)
	ca.ResourceVersion, ca.UID = "", ""
	require.NoError(t, env.Client.Create(t.Context(), ca))
	w.becomes(controlplanev1.CertificatesAvailableCondition, metav1.ConditionTrue, 15*time.Second)

	// Pause and its end.
	pause := func(paused bool) {
		env.Change(t, w.cluster, func() { w.cluster.Spec.Paused = new(paused) })
	}
	pause(true)
	w.becomes(controlplanev1.PausedCondition, metav1.ConditionTrue, 15*time.Second)
	pause(false)
	w.becomes(controlplanev1.PausedCondition, metav1.ConditionFalse, 15*time.Second)

	// The deletion goes on when the last Machine is gone.
	machine := testenv.Machine(w.namespace, "worker")
	env.Create(t, machine)
	time.Sleep(time.Second) // Machines are read from the cache first
	require.NoError(t, env.Client.Delete(t.Context(), w.controlPlane))
	w.becomes(controlplanev1.DeletingCondition, metav1.ConditionTrue, 15*time.Second)
	require.NoError(t, env.Client.Delete(t.Context(), machine))
	require.Eventually(t, func() bool {
		err := env.Client.Get(
			t.Context(),
			client.ObjectKeyFromObject(w.controlPlane),
			&controlplanev1.K0smotronControlPlane{},
		)
		return client.IgnoreNotFound(err) == nil && err != nil
	}, 15*time.Second, 20*time.Millisecond)
}

// TestNodeEventsArrive: nodes are watched from the first control plane of type NodePort on.
func TestNodeEventsArrive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *controlplanev1.K0smotronControlPlane) {
		c.Spec.Service.Type = controlplanev1.ServiceTypeNodePort
	})
	node := w.node("events-node", "10.99.0.1", corev1.ConditionFalse)
	w.start()
	w.becomes(controlplanev1.EndpointReadyCondition, metav1.ConditionFalse, 15*time.Second)
	w.setReady(node, corev1.ConditionTrue)
	w.becomes(controlplanev1.EndpointReadyCondition, metav1.ConditionTrue, 15*time.Second)
}
