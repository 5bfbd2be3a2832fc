// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/external"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/manager"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// within is how long an event may take to have its effect. It is far shorter than any polling interval or resync.
const within = 20 * time.Second

var env *testenv.Environment

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, testenv.Options{
		CRDPaths:    []string{"../../config/crd/bases"},
		AddToScheme: []func(*runtime.Scheme) error{bootstrapv1.AddToScheme},
	}, func(e *testenv.Environment) { env = e }))
}

func TestMainRefusesBadFlags(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, Main(t.Context(), []string{"--nope"}), "unknown flag: --nope")
	require.ErrorContains(t, Main(t.Context(), []string{"--bootstrap-token-ttl=5s"}), "it must be at least 2m0s")
	require.NoError(t, Main(t.Context(), []string{"--help"}))
}

func TestFlags(t *testing.T) {
	t.Parallel()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	options := newOptions()
	options.Manager.AddFlags(flags)
	options.addFlags(flags)
	for _, name := range []string{
		"leader-elect", "diagnostics-address", "insecure-diagnostics", "health-addr", "watch-filter", "namespace",
		"kube-api-qps", "kube-api-burst", "sync-period", "k0sworkerconfig-concurrency", "k0scontrollerconfig-concurrency",
		"machine-concurrency",
		"bootstrap-token-ttl",
	} {
		assert.NotNil(t, flags.Lookup(name), name)
	}
	assert.Equal(t, "15m0s", flags.Lookup("bootstrap-token-ttl").DefValue)
}

// TestManagerFollowsEvents runs the whole manager, with its caches, its watches and a real ClusterCache, against an API
// server that plays both the management and the workload cluster, under every supported release of Cluster API. Every
// step is one event; none waits for a poll.
func TestManagerFollowsEvents(t *testing.T) {
	labelCRDs(t)
	env.EachRelease(t, followEvents)
}

func followEvents(t *testing.T) {
	t.Helper()
	w := &world{T: t, namespace: env.Namespace(t)}
	w.startManager()

	cluster := testenv.Cluster(w.namespace, testenv.Paused)
	machine := testenv.Machine(w.namespace, "worker", testenv.BootstrappedBy("K0sWorkerConfig", "worker"))
	machine.Spec.Version = "v1.36.3"
	w.create(machine)
	config := testenv.OwnedBy(&bootstrapv1.K0sWorkerConfig{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.namespace, Name: "worker", Labels: map[string]string{clusterv1.ClusterNameLabel: testenv.ClusterName},
		},
		Spec: bootstrapv1.K0sWorkerConfigSpec{InstallSpec: bootstrapv1.InstallSpec{Files: []bootstrapv1.File{{
			Path: "/etc/a", ContentFrom: bootstrapv1.FileSource{SecretRef: bootstrapv1.KeyReference{Name: "source", Key: "k"}},
		}}}},
	}, machine, clusterv1.GroupVersion.WithKind("Machine"))
	env.Create(t, config)
	w.becomes(bootstrapv1.DataSecretAvailableCondition, contract.WaitingForCluster)

	w.create(cluster)
	w.becomes(bootstrapv1.PausedCondition, clusterv1.PausedReason)

	env.Change(t, cluster, func() { cluster.Spec.Paused = new(false) })
	w.becomes(bootstrapv1.DataSecretAvailableCondition, contract.WaitingForInfrastructure)

	env.ChangeStatus(t, cluster, func() { cluster.Status.Initialization.InfrastructureProvisioned = new(true) })
	w.becomes(bootstrapv1.ControlPlaneJoinableCondition, contract.WaitingForControlPlane)

	env.Change(t, cluster, func() {
		cluster.Spec.ControlPlaneEndpoint = clusterv1.APIEndpoint{Host: "10.0.0.10", Port: 6443}
	})
	env.ChangeStatus(t, cluster, func() { cluster.Status.Initialization.ControlPlaneInitialized = new(true) })
	w.becomes(bootstrapv1.CertificatesAvailableCondition, contract.WaitingForControlPlane)

	env.Create(t, joinInfo(t, w.namespace))
	w.becomes(bootstrapv1.DataSecretAvailableCondition, bootstrapv1.FileSourceMissingReason)

	env.Create(t, testenv.Secret(w.namespace, "source", map[string]string{"k": "content"}))
	w.becomes(bootstrapv1.ControlPlaneJoinableCondition, "WorkloadClusterNotConnected")

	env.Create(t, kubeconfig(t, w.namespace))
	w.becomes(bootstrapv1.ReadyCondition, bootstrapv1.ReadyReason)
	w.fitsTheContract(machine)
	token := w.tokenOf("worker")
	w.exists(token)

	env.Change(t, machine, func() { machine.Spec.ProviderID = "test://worker" })
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: "node-" + w.namespace, Labels: map[string]string{contract.MachineNameLabel: "worker"},
	}}
	env.Create(t, node)
	t.Cleanup(func() { assert.NoError(t, env.Client.Delete(context.Background(), node)) })
	require.Eventually(t, func() bool {
		env.Get(t, node)
		return node.Spec.ProviderID == "test://worker"
	}, within, 50*time.Millisecond, "the Node got no providerID")

	env.ChangeStatus(t, machine, func() { machine.Status.NodeRef = clusterv1.MachineNodeReference{Name: node.Name} })
	w.becomes(bootstrapv1.ControlPlaneJoinableCondition, bootstrapv1.JoinedReason)
	require.Eventually(t, func() bool {
		return client.IgnoreNotFound(env.Client.Get(t.Context(), client.ObjectKeyFromObject(token), token)) == nil &&
			env.Client.Get(t.Context(), client.ObjectKeyFromObject(token), token) != nil
	}, within, 50*time.Millisecond, "the token is still valid")

	// The ClusterCache has to let go of the API server, or that cannot be stopped; nothing tells that it has.
	require.NoError(t, env.Client.Delete(t.Context(), cluster))
	<-time.After(time.Second)
}

type world struct {
	*testing.T

	namespace string
}

func (w *world) startManager() {
	w.Helper()
	options := newOptions()
	options.Manager.LeaderElect = false
	options.Manager.DiagnosticsAddress = "0"
	options.Manager.HealthAddress = "0"
	options.Manager.Namespace = w.namespace
	provider, err := Provider()
	require.NoError(w.T, err)
	// One manager after another runs in this process.
	provider.Controllers.SkipNameValidation = new(true)
	ctx, cancel := context.WithCancel(w.Context())
	// Until it sets its controllers up, the manager changes what the whole process uses: the logger.
	started := make(chan struct{})
	setup := func(ctx context.Context, mgr ctrl.Manager) error {
		defer close(started)
		return options.setup(ctx, mgr)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- manager.Run(ctx, rest.CopyConfig(env.Config), provider, options.Manager, setup) }()
	w.Cleanup(func() {
		cancel()
		assert.NoError(w.T, <-stopped)
	})
	select {
	case <-started:
	case err := <-stopped:
		stopped <- err
		require.NoError(w.T, err)
		require.Fail(w.T, "the manager ended without setting up controllers")
	}
}

// fitsTheContract follows the Machine's reference as core does: by the label of our CRD, to fields that core knows by
// their paths alone.
func (w *world) fitsTheContract(machine *clusterv1.Machine) {
	w.Helper()
	env.Get(w.T, machine)
	config, err := external.GetObjectFromContractVersionedRef(
		w.Context(), env.Client, machine.Spec.Bootstrap.ConfigRef, w.namespace)
	require.NoError(w.T, err)
	created, _, err := unstructured.NestedBool(config.Object, "status", "initialization", "dataSecretCreated")
	require.NoError(w.T, err)
	assert.True(w.T, created)
	name, _, err := unstructured.NestedString(config.Object, "status", "dataSecretName")
	require.NoError(w.T, err)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}}
	w.exists(secret)
	assert.NotEmpty(w.T, secret.Data["value"])
	assert.Equal(w.T, testenv.ClusterName, secret.Labels[clusterv1.ClusterNameLabel])

	// What core does with the name; the release must take it, and we must not mind.
	env.Change(w.T, machine, func() { machine.Spec.Bootstrap.DataSecretName = &name })
}

func (w *world) becomes(conditionType, reason string) {
	w.Helper()
	config := &bootstrapv1.K0sWorkerConfig{}
	key := client.ObjectKey{Namespace: w.namespace, Name: "worker"}
	require.Eventually(w.T, func() bool {
		require.NoError(w.T, env.Client.Get(w.Context(), key, config))
		condition := conditions.Get(config, conditionType)
		return condition != nil && condition.Reason == reason
	}, within, 20*time.Millisecond, "%s does not become %s", conditionType, reason)
}

// create is strict: a field that the release does not know is an error.
func (w *world) create(object client.Object) {
	w.Helper()
	require.NoError(w.T, client.WithFieldValidation(env.Client, metav1.FieldValidationStrict).Create(w.Context(), object))
}

func (w *world) exists(object client.Object) {
	w.Helper()
	require.NoError(w.T, env.Client.Get(w.Context(), client.ObjectKeyFromObject(object), object))
}

// labelCRDs marks the CRDs as ours, as kustomize does in a release: the manager serves no others.
func labelCRDs(t *testing.T) {
	t.Helper()
	crds := &apiextensionsv1.CustomResourceDefinitionList{}
	require.NoError(t, env.Client.List(t.Context(), crds))
	for i := range crds.Items {
		crd := &crds.Items[i]
		if crd.Spec.Group != bootstrapv1.GroupVersion.Group || filepath.Ext(crd.Name) == "" {
			continue
		}
		crd.Labels["cluster.x-k8s.io/provider"] = "bootstrap-k0smotron"
		require.NoError(t, env.Client.Update(t.Context(), crd))
	}
}

func joinInfo(t *testing.T, namespace string) *corev1.Secret {
	t.Helper()
	pair, err := pki.Issuer{Clock: testenv.Clock(), Random: rand.Reader}.Pair(pki.KubernetesCA)
	require.NoError(t, err)
	secret, err := contract.JoinInfoSecret(client.ObjectKey{Namespace: namespace, Name: testenv.ClusterName},
		contract.JoinInfo{WorkerURL: "https://10.0.0.10:6443", CA: pair.Cert})
	require.NoError(t, err)
	return secret
}

// kubeconfig leads to the API server of the test.
func kubeconfig(t *testing.T, namespace string) *corev1.Secret {
	t.Helper()
	text, err := clientcmd.Write(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{"c": {
			Server: env.Config.Host, CertificateAuthorityData: env.Config.CAData,
		}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{"u": {
			ClientCertificateData: env.Config.CertData, ClientKeyData: env.Config.KeyData,
		}},
		Contexts:       map[string]*clientcmdapi.Context{"x": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "x",
	})
	require.NoError(t, err)
	return testenv.Secret(
		namespace,
		contract.KubeconfigName(testenv.ClusterName),
		map[string]string{"value": string(text)},
	)
}
