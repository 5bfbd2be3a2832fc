// SPDX-License-Identifier: Apache-2.0

package workload_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/manager"
	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/testenv"
	"github.com/k0smotron/k0smotron/shared/workload"
)

var env *testenv.Environment

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, testenv.Options{}, func(e *testenv.Environment) { env = e }))
}

// watchNothing is a controller that a watch is added to.
type watchNothing struct{ sources int }

func (w *watchNothing) Watch(source.Source) error {
	w.sources++
	return nil
}

func nodeWatcher(w *watchNothing) clustercache.Watcher {
	return clustercache.NewWatcher(clustercache.WatcherOptions{
		Name: "nodes", Watcher: w, Kind: &corev1.Node{}, EventHandler: &handler.EnqueueRequestForObject{},
	})
}

func TestNotConnectedIsAWait(t *testing.T) {
	t.Parallel()
	clusters := workload.FromClusterCache(clustercache.NewFakeEmptyClusterCache())
	key := client.ObjectKey{Namespace: "default", Name: "tiger"}
	_, clientErr := clusters.Client(t.Context(), key)
	_, liveErr := clusters.Live(t.Context(), key)
	watchErr := clusters.Watch(t.Context(), key, nodeWatcher(&watchNothing{}))
	for name, err := range map[string]error{"Client": clientErr, "Live": liveErr, "Watch": watchErr} {
		var wait *phase.WaitError
		require.ErrorAs(t, err, &wait, name)
		assert.Equal(t, workload.NotConnected, wait.Reason)
		assert.Equal(t, "waiting for the connection to workload cluster tiger", wait.Message)
		assert.Equal(t, 30*time.Second, wait.After)
	}
}

func TestConnected(t *testing.T) {
	t.Parallel()
	key := client.ObjectKey{Namespace: "default", Name: "tiger"}
	c := fake.NewClientBuilder().Build()
	clusters := workload.FromClusterCache(clustercache.NewFakeClusterCache(c, key, "nodes"))
	got, err := clusters.Client(t.Context(), key)
	require.NoError(t, err)
	assert.Same(t, c, got)
	live, err := clusters.Live(t.Context(), key)
	require.NoError(t, err)
	assert.Same(t, c, live)
	require.NoError(t, clusters.Watch(t.Context(), key, nodeWatcher(&watchNothing{})))
}

// envKubeconfig leads to the test's own API server: it is management and workload cluster at once.
func envKubeconfig(t *testing.T) []byte {
	t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: env.Config.Host, CertificateAuthorityData: env.Config.CAData}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{
		ClientCertificateData: env.Config.CertData, ClientKeyData: env.Config.KeyData,
	}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	config.CurrentContext = "x"
	text, err := clientcmd.Write(*config)
	require.NoError(t, err)
	return text
}

func TestDirectClient(t *testing.T) {
	t.Parallel()
	direct, err := workload.NewDirect(envKubeconfig(t), workload.DirectOptions{Scheme: env.Scheme})
	require.NoError(t, err)
	evidence := direct.Probe(t.Context(), "/readyz")
	assert.True(t, evidence.OK(), evidence.Message)
	c, err := direct.Client()
	require.NoError(t, err)
	config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: env.Namespace(t), Name: "c"}}
	require.NoError(t, c.Create(t.Context(), config))
	require.NoError(t, c.Get(t.Context(), client.ObjectKeyFromObject(config), config))
	direct.Close()
}

// TestClusterCacheConnects shows that our restricted management cache holds what ClusterCache needs.
func TestClusterCacheConnects(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	options := manager.NewOptions()
	options.HealthAddress, options.DiagnosticsAddress, options.InsecureDiagnostics = "0", "0", true
	mgr, err := manager.New(env.Config, manager.Provider{Name: "test", Scheme: env.Scheme}, options)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cache, err := workload.SetupClusterCache(ctx, mgr, workload.CacheOptions{UserAgent: "test", QPS: 20, Burst: 30})
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctrl.LoggerInto(ctx, mgr.GetLogger())) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	env.Create(
		t,
		testenv.Secret(
			ns,
			contract.KubeconfigName(testenv.ClusterName),
			map[string]string{"value": string(envKubeconfig(t))},
		),
		testenv.Cluster(ns, testenv.Initialized("127.0.0.1", 1)),
	)

	clusters, key := workload.FromClusterCache(cache), client.ObjectKey{Namespace: ns, Name: testenv.ClusterName}
	var connected client.Client
	require.Eventually(t, func() bool {
		connected, err = clusters.Client(t.Context(), key)
		return err == nil
	}, 60*time.Second, 100*time.Millisecond)
	require.NoError(t, connected.List(t.Context(), &clusterv1.ClusterList{}), "it knows the manager's kinds")
	live, err := clusters.Live(t.Context(), key)
	require.NoError(t, err)
	require.NoError(t, live.List(t.Context(), &corev1.NodeList{}))
	w := &watchNothing{}
	for range 2 {
		require.NoError(t, clusters.Watch(t.Context(), key, nodeWatcher(w)))
	}
	assert.Equal(t, 1, w.sources, "a watch that exists costs nothing")
}
