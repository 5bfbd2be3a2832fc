// SPDX-License-Identifier: Apache-2.0

package controllerconfig_test

import (
	"crypto/rand"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/controller/controllerconfig"
	"github.com/k0smotron/k0smotron/bootstrap/internal/testenv/stage"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/testenv"
	"github.com/k0smotron/k0smotron/shared/workload"
)

const (
	// name is that of the Machine and of its config.
	name = "tiger-x7k2p"
	// lockName is the name of the init lock.
	lockName = testenv.ClusterName + "-k0s-init"
)

var env *testenv.Environment

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, testenv.Options{
		CRDPaths:    []string{"../../../config/crd/bases"},
		AddToScheme: []func(*runtime.Scheme) error{bootstrapv1.AddToScheme},
	}, func(e *testenv.Environment) { env = e }))
}

// world is one cluster with one controller to be.
type world struct {
	t          *testing.T
	namespace  string
	clock      *clocktesting.FakeClock
	clusters   *stage.Clusters
	workload   client.WithWatch
	reconciler *controllerconfig.Reconciler
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
) *controllerconfig.Reconciler {
	return &controllerconfig.Reconciler{Steps: stage.Steps(c, live, workloads, clock)}
}

// beginning is a Cluster before its control plane exists.
func beginning(cluster *clusterv1.Cluster) {
	cluster.Spec.ControlPlaneEndpoint = clusterv1.APIEndpoint{Host: "10.0.0.10", Port: 6443}
	cluster.Status.Initialization.InfrastructureProvisioned = new(true)
}

// certificates are the Secrets that the control-plane provider makes.
func certificates(t testing.TB, namespace string) []client.Object {
	t.Helper()
	objects := make([]client.Object, 0, len(pki.Purposes()))
	for _, purpose := range pki.Purposes() {
		pair, err := pki.Issuer{Clock: testenv.Clock(), Random: rand.Reader}.Pair(purpose)
		require.NoError(t, err)
		objects = append(objects, testenv.Secret(namespace, purpose.SecretName(testenv.ClusterName), map[string]string{
			pki.CertKey: string(pair.Cert), pki.PrivateKeyKey: string(pair.Key),
		}))
	}
	return objects
}

// first makes all that the first controller needs.
func (w *world) first(overrides ...func(*bootstrapv1.K0sControllerConfig)) {
	w.t.Helper()
	w.create(testenv.Cluster(w.namespace, beginning))
	w.create(certificates(w.t, w.namespace)...)
	w.controller(name, overrides...)
}

// joining makes all that another controller needs: the cluster has a healthy member.
func (w *world) joining(overrides ...func(*bootstrapv1.K0sControllerConfig)) {
	w.t.Helper()
	w.create(testenv.Cluster(w.namespace, testenv.Initialized("10.0.0.10", 6443)))
	w.create(certificates(w.t, w.namespace)...)
	w.create(member(w.namespace, "tiger-a", healthy))
	w.controller(name, append([]func(*bootstrapv1.K0sControllerConfig){joins}, overrides...)...)
}

// controller makes a Machine and its config, as the control-plane provider leaves them.
func (w *world) controller(machineName string, overrides ...func(*bootstrapv1.K0sControllerConfig)) {
	w.t.Helper()
	machine := member(w.namespace, machineName, testenv.BootstrappedBy("K0sControllerConfig", machineName))
	w.create(machine)
	w.create(testenv.OwnedBy(newConfig(w.namespace, machineName, overrides...), machine, machineKind))
}

var machineKind = clusterv1.GroupVersion.WithKind("Machine")

// member is the Machine of a controller.
func member(namespace, machineName string, overrides ...func(*clusterv1.Machine)) *clusterv1.Machine {
	machine := testenv.Machine(namespace, machineName, overrides...)
	machine.Labels[clusterv1.MachineControlPlaneLabel] = ""
	machine.Spec.Version = "v1.36.3"
	return machine
}

// healthy is how the control-plane provider marks a controller that works.
func healthy(machine *clusterv1.Machine) {
	for _, condition := range []string{
		contract.APIServerHealthyCondition, contract.EtcdMemberHealthyCondition, contract.K0sControllerHealthyCondition,
	} {
		conditions.True(machine, condition, "Healthy", "")
	}
	machine.Status.Addresses = clusterv1.MachineAddresses{
		{Type: clusterv1.MachineExternalIP, Address: "203.0.113.11"},
		{Type: clusterv1.MachineInternalIP, Address: "10.0.0.11"},
	}
}

// joins is the role of all controllers but the first.
func joins(config *bootstrapv1.K0sControllerConfig) {
	config.Spec.Role = bootstrapv1.ControllerRoleJoining
}

func k0s(document string) func(*bootstrapv1.K0sControllerConfig) {
	return func(config *bootstrapv1.K0sControllerConfig) {
		if document != "" {
			config.Spec.K0s.Raw = []byte(document)
		}
	}
}

func newConfig(
	namespace, configName string, overrides ...func(*bootstrapv1.K0sControllerConfig),
) *bootstrapv1.K0sControllerConfig {
	config := &bootstrapv1.K0sControllerConfig{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: configName, Labels: map[string]string{clusterv1.ClusterNameLabel: testenv.ClusterName},
		},
		Spec: bootstrapv1.K0sControllerConfigSpec{Role: bootstrapv1.ControllerRoleFirst},
	}
	for _, override := range overrides {
		override(config)
	}
	return config
}

func (w *world) create(objects ...client.Object) {
	w.t.Helper()
	env.Create(w.t, objects...)
}

// reconcile is one pass over a config.
func (w *world) reconcile(configName string) (ctrl.Result, error) {
	w.t.Helper()
	return w.reconciler.Reconcile(w.t.Context(), request(w.namespace, configName))
}

// settle reconciles the config until nothing is written any more.
func (w *world) settle() time.Duration {
	w.t.Helper()
	for range 10 {
		before := w.versions()
		result, err := w.reconcile(name)
		require.NoError(w.t, err)
		if equal(before, w.versions()) {
			return result.RequeueAfter
		}
	}
	require.Fail(w.t, "the config does not settle")
	return 0
}

func request(namespace, configName string) ctrl.Request {
	return ctrl.Request{NamespacedName: client.ObjectKey{Namespace: namespace, Name: configName}}
}
