// SPDX-License-Identifier: Apache-2.0

package workerconfig_test

import (
	"crypto/rand"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/controller/workerconfig"
	"github.com/k0smotron/k0smotron/bootstrap/internal/testenv/stage"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/testenv"
	"github.com/k0smotron/k0smotron/shared/workload"
)

const (
	// name is that of the Machine and of its config.
	name = "workers-x7k2p"
)

var env *testenv.Environment

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, testenv.Options{
		CRDPaths:    []string{"../../../config/crd/bases"},
		AddToScheme: []func(*runtime.Scheme) error{bootstrapv1.AddToScheme},
	}, func(e *testenv.Environment) { env = e }))
}

// world is one cluster with one worker to be.
type world struct {
	t          *testing.T
	namespace  string
	clock      *clocktesting.FakeClock
	clusters   *stage.Clusters
	workload   client.WithWatch
	reconciler *workerconfig.Reconciler
}

// newWorld has a namespace and a manager, and nothing in it.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, namespace: env.Namespace(t), clock: testenv.Clock(), workload: stage.Workload()}
	w.clusters = &stage.Clusters{Connected: w.workload}
	w.reconciler = newReconciler(env.Client, env.Client, w.clusters, w.clock)
	return w
}

func newReconciler(
	c client.Client, live client.Reader, workloads workload.Clusters, clock *clocktesting.FakeClock,
) *workerconfig.Reconciler {
	return &workerconfig.Reconciler{Steps: stage.Steps(c, live, workloads, clock)}
}

// ready makes all that a worker needs, its config being changed by overrides.
func (w *world) ready(overrides ...func(*bootstrapv1.K0sWorkerConfig)) {
	w.t.Helper()
	w.create(testenv.Cluster(w.namespace, testenv.Initialized("10.0.0.10", 6443)), joinInfo(w.t, w.namespace))
	w.worker(overrides...)
}

// worker makes the Machine and its config, as core leaves them.
func (w *world) worker(overrides ...func(*bootstrapv1.K0sWorkerConfig)) {
	w.t.Helper()
	machine := testenv.Machine(w.namespace, name, testenv.BootstrappedBy("K0sWorkerConfig", name), version("v1.36.3"))
	w.create(machine)
	w.create(testenv.OwnedBy(newConfig(w.namespace, overrides...), machine, clusterv1.GroupVersion.WithKind("Machine")))
}

func version(text string) func(*clusterv1.Machine) {
	return func(machine *clusterv1.Machine) { machine.Spec.Version = text }
}

func newConfig(namespace string, overrides ...func(*bootstrapv1.K0sWorkerConfig)) *bootstrapv1.K0sWorkerConfig {
	config := &bootstrapv1.K0sWorkerConfig{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: name, Labels: map[string]string{clusterv1.ClusterNameLabel: testenv.ClusterName},
	}}
	for _, override := range overrides {
		override(config)
	}
	return config
}

func joinInfo(t testing.TB, namespace string) *corev1.Secret {
	t.Helper()
	secret, err := contract.JoinInfoSecret(client.ObjectKey{Namespace: namespace, Name: testenv.ClusterName},
		contract.JoinInfo{WorkerURL: "https://10.0.0.10:6443", CA: ca(t)})
	require.NoError(t, err)
	return secret
}

func ca(t testing.TB) []byte {
	t.Helper()
	pair, err := pki.Issuer{Clock: testenv.Clock(), Random: rand.Reader}.Pair(pki.KubernetesCA)
	require.NoError(t, err)
	return pair.Cert
}

func (w *world) create(objects ...client.Object) {
	w.t.Helper()
	env.Create(w.t, objects...)
}

// reconcile is one pass.
func (w *world) reconcile() (ctrl.Result, error) {
	w.t.Helper()
	return w.reconciler.Reconcile(w.t.Context(), request(w.namespace))
}

// settle reconciles until nothing is written any more.
func (w *world) settle() ctrl.Result {
	w.t.Helper()
	for range 10 {
		before := w.versions()
		result, err := w.reconcile()
		require.NoError(w.t, err)
		if equal(before, w.versions()) {
			return result
		}
	}
	require.Fail(w.t, "the config does not settle")
	return ctrl.Result{}
}

func request(namespace string) ctrl.Request {
	return ctrl.Request{NamespacedName: client.ObjectKey{Namespace: namespace, Name: name}}
}
