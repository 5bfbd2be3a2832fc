// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/testenv/double"
	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

const within = 60 * time.Second

// requests counts what a manager asks of the management cluster.
type requests struct {
	mutex sync.Mutex
	lines []string
}

// counted returns a transport that counts, watches and discovery left out: they are not per control plane.
func (r *requests) counted(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		query := request.URL.Query()
		informer := query.Get("watch") != "" || query.Get("resourceVersion") == "0" || query.Has("sendInitialEvents") ||
			query.Has("limit")
		if strings.Contains(request.URL.Path, "/namespaces/") && !informer {
			r.mutex.Lock()
			r.lines = append(r.lines, request.Method+" "+request.URL.Path)
			r.mutex.Unlock()
		}
		return next.RoundTrip(request)
	})
}

func (r *requests) take() []string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	lines := r.lines
	r.lines = nil
	return lines
}

func writes(lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return strings.HasPrefix(line, "GET ") })
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// noConnections connects nothing: the workload cluster in memory cannot be watched.
type noConnections struct{}

func (noConnections) GetClusterSource(
	string, func(context.Context, client.Object) []ctrl.Request, ...clustercache.GetClusterSourceOption,
) source.Source {
	return source.Func(func(context.Context, workqueue.TypedRateLimitingInterface[reconcile.Request]) error { return nil })
}

func (noConnections) Watch(context.Context, client.ObjectKey, clustercache.Watcher) error { return nil }

// start runs the controller as the manager does: with a cache, watches, a work queue, and the rights of the release. The
// clock is the real one.
func (w *world) start() *requests {
	w.t.Helper()
	counter := &requests{}
	config := asManager(w.t)
	config.Wrap(counter.counted)
	mgr := w.manager(config)
	w.double = double.New(double.Options{
		Management: env.Client, Workload: w.workload, Cluster: client.ObjectKeyFromObject(w.cluster),
		Clock: clock.RealClock{},
	})
	reconciler := newReconciler(mgr.GetClient(), mgr.GetAPIReader(), w.clock, playedWorkloads{w})
	reconciler.Clock, reconciler.Issuer.Clock = clock.RealClock{}, clock.RealClock{}
	reconciler.Applier = apply.New(mgr.GetClient(), fieldOwner)
	require.NoError(w.t,
		reconciler.SetupWithManager(mgr, noConnections{}, controller.Options{SkipNameValidation: new(true)}))
	go func() { assert.NoError(w.t, mgr.Start(w.t.Context())) }()
	w.double.Play(w.t, 100*time.Millisecond)
	return counter
}

func (w *world) manager(config *rest.Config) ctrl.Manager {
	w.t.Helper()
	ofCluster, err := labels.Parse(clusterv1.ClusterNameLabel)
	require.NoError(w.t, err)
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: env.Scheme, Metrics: metricsserver.Options{BindAddress: "0"},
		Cache: cache.Options{
			DefaultNamespaces: map[string]cache.Config{w.namespace: {}},
			ByObject:          map[client.Object]cache.ByObject{&corev1.Secret{}: {Label: ofCluster}},
			DefaultTransform:  cache.TransformStripManagedFields(),
		},
		Client: client.Options{Cache: &client.CacheOptions{Unstructured: true}},
	})
	require.NoError(w.t, err)
	return mgr
}

// becomes waits until a condition has a status.
func (w *world) becomes(conditionType string, status metav1.ConditionStatus) {
	w.t.Helper()
	if !assert.Eventually(w.t, func() bool {
		env.Get(w.t, w.controlPlane)
		w.mirror()
		return meta.IsStatusConditionPresentAndEqual(w.controlPlane.Status.Conditions, conditionType, status)
	}, within, 50*time.Millisecond) {
		require.FailNow(w.t, "it does not come to that", "%s=%s; conditions: %s", conditionType, status, w.conditions())
	}
}

// TestManager runs one controller as the manager does, and lets happen what should wake it.
func TestManager(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	counter := w.start()
	w.becomes(controlplanev1.AvailableCondition, metav1.ConditionTrue)
	w.becomes(controlplanev1.ConfigurationAppliedCondition, metav1.ConditionUnknown)
	lines := counter.take()
	t.Logf("%d requests up to Available, %d of them writes\n%s", len(lines), len(writes(lines)), strings.Join(lines, "\n"))
	assert.LessOrEqual(t, len(writes(lines)), 40)
	w.restsAsAManager(counter)

	ca := get(w, pki.KubernetesCA.SecretName(w.cluster.Name), &corev1.Secret{})
	require.NoError(t, env.Client.Delete(t.Context(), ca.DeepCopy()))
	w.becomes(controlplanev1.CertificatesAvailableCondition, metav1.ConditionFalse)
	ca.ResourceVersion, ca.UID = "", ""
	require.NoError(t, env.Client.Create(t.Context(), ca))
	w.becomes(controlplanev1.CertificatesAvailableCondition, metav1.ConditionTrue)

	worker := testenv.Machine(w.namespace, "worker")
	env.Create(t, worker)
	require.NoError(t, env.Client.Delete(t.Context(), w.controlPlane))
	w.becomes(controlplanev1.DeletingCondition, metav1.ConditionTrue)
	require.NoError(t, env.Client.Delete(t.Context(), worker))
	require.Eventually(t, func() bool { return w.gone(w.controlPlane.DeepCopy()) }, within, 50*time.Millisecond)
}

// restsAsAManager: at rest nothing is asked of the management cluster.
func (w *world) restsAsAManager(counter *requests) {
	w.t.Helper()
	before := w.versions()
	require.Eventually(w.t, func() bool {
		now := w.versions()
		same := equalMaps(before, now)
		before = now
		return same
	}, within, 3*time.Second)
	counter.take()
	time.Sleep(12 * time.Second) // A look at the leases is among them.
	assert.Empty(w.t, counter.take())
	assert.Equal(w.t, before, w.versions())
	env.Get(w.t, w.controlPlane)
	assert.NotContains(w.t, w.controlPlane.Annotations, contract.NextMachineAnnotation)
}
