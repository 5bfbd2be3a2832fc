// SPDX-License-Identifier: Apache-2.0

package manager_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/manager"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

var env *testenv.Environment

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, testenv.Options{}, func(e *testenv.Environment) { env = e }))
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	return address
}

func localOptions(t *testing.T) *manager.Options {
	t.Helper()
	options := manager.NewOptions("k0sworkerconfig")
	options.HealthAddress, options.DiagnosticsAddress = freeAddress(t), freeAddress(t)
	return options
}

// run starts a manager that ends with the test.
func run(
	t *testing.T, p manager.Provider, options *manager.Options, setup func(context.Context, ctrl.Manager) error,
) {
	t.Helper()
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- manager.Run(ctx, env.Config, p, options, setup) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			assert.NoError(t, err)
		case <-time.After(30 * time.Second):
			t.Error("the manager does not end with its context")
		}
	})
}

// get returns status and body; 0 when nobody answers.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	c := http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
	}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	response, err := c.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

func eventuallyStatus(t *testing.T, url string, want int) {
	t.Helper()
	require.Eventually(t, func() bool { status, _ := get(t, url); return status == want }, 30*time.Second,
		50*time.Millisecond, url)
}

func installed(t *testing.T, owner string) {
	t.Helper()
	definition := crd(owner, "v1beta2")
	require.NoError(t, env.Client.Create(t.Context(), definition))
	t.Cleanup(func() {
		ctx := context.Background()
		require.NoError(t, env.Client.Delete(ctx, definition))
		require.Eventually(t, func() bool {
			return env.Client.Get(ctx, client.ObjectKeyFromObject(definition), crd(owner)) != nil
		}, 30*time.Second, 50*time.Millisecond)
	})
}

func TestRun(t *testing.T) {
	installed(t, label)
	ns := env.Namespace(t)
	env.Create(t,
		testenv.Secret(ns, "of-a-cluster", map[string]string{"a": "b"}),
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "of-nobody"}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "of-nobody"}})
	started := make(chan ctrl.Manager, 1)
	options := localOptions(t)
	run(t, provider(), options, func(_ context.Context, m ctrl.Manager) error { started <- m; return nil })
	mgr := <-started
	require.True(t, mgr.GetCache().WaitForCacheSync(t.Context()))
	eventuallyStatus(t, "http://"+options.HealthAddress+"/readyz", http.StatusOK)
	eventuallyStatus(t, "http://"+options.HealthAddress+"/healthz", http.StatusOK)

	t.Run("MetricsNeedAuthentication", func(t *testing.T) {
		eventuallyStatus(t, "https://"+options.DiagnosticsAddress+"/metrics", http.StatusUnauthorized)
		status, _ := get(t, "https://"+options.DiagnosticsAddress+"/debug/pprof/")
		assert.NotEqual(t, http.StatusOK, status, "no profiling")
	})
	t.Run("CacheHoldsWhatBelongsToClusters", func(t *testing.T) {
		secrets := &corev1.SecretList{}
		require.NoError(t, mgr.GetClient().List(t.Context(), secrets, client.InNamespace(ns)))
		require.Len(t, secrets.Items, 1)
		assert.Equal(t, "of-a-cluster", secrets.Items[0].Name)
		assert.Empty(t, secrets.Items[0].ManagedFields, "managedFields are half of an object and nobody reads them")
		configs := &corev1.ConfigMapList{}
		require.NoError(t, mgr.GetClient().List(t.Context(), configs, client.InNamespace(ns)))
		assert.Empty(t, configs.Items)
	})
	t.Run("LiveReadsSeeEverything", func(t *testing.T) {
		secrets := &corev1.SecretList{}
		require.NoError(t, mgr.GetAPIReader().List(t.Context(), secrets, client.InNamespace(ns)))
		assert.Len(t, secrets.Items, 2)
	})
	t.Run("UnstructuredIsCached", func(t *testing.T) {
		infra := testenv.InfraMachine(ns, "m", "test:///1")
		env.Create(t, infra)
		require.Eventually(t, func() bool {
			got := testenv.InfraMachine(ns, "m", "")
			return mgr.GetClient().Get(t.Context(), client.ObjectKeyFromObject(infra), got) == nil
		}, 30*time.Second, 50*time.Millisecond)
		_, err := mgr.GetCache().GetInformer(t.Context(), testenv.InfraMachine(ns, "m", ""), cache.BlockUntilSynced(false))
		assert.NoError(t, err)
	})
}

func TestRunWithForeignCRDs(t *testing.T) {
	installed(t, "bootstrap-k0sproject-k0smotron")
	options := localOptions(t)
	options.LeaderElect, options.Namespace = false, env.Namespace(t)
	run(t, provider(), options, func(context.Context, ctrl.Manager) error {
		t.Error("no controller may be started")
		return nil
	})
	eventuallyStatus(t, "http://"+options.HealthAddress+"/healthz", http.StatusOK)
	eventuallyStatus(t, "http://"+options.HealthAddress+"/readyz", http.StatusInternalServerError)
	_, body := get(t, "http://"+options.HealthAddress+"/readyz/ownership?verbose")
	assert.NotContains(t, body, "ok")
}

func TestInsecureDiagnostics(t *testing.T) {
	installed(t, label)
	options := localOptions(t)
	options.InsecureDiagnostics = true
	run(t, provider(), options, func(context.Context, ctrl.Manager) error { return nil })
	eventuallyStatus(t, "http://"+options.DiagnosticsAddress+"/metrics", http.StatusOK)
	_, body := get(t, "http://"+options.DiagnosticsAddress+"/metrics")
	assert.Contains(t, body, "go_goroutines")
}

func TestLeaderElectionIsReleased(t *testing.T) {
	installed(t, label)
	ns := env.Namespace(t)
	p, options := provider(), localOptions(t)
	p.LeaderElectionID = "elected"
	options.LeaderElect = true
	options.LeaderElectionNamespace = ns
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- manager.Run(ctx, env.Config, p, options, func(context.Context, ctrl.Manager) error { return nil })
	}()
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "elected"}}
	held := func() bool {
		err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(lease), lease)
		return err == nil && lease.Spec.HolderIdentity != nil && *lease.Spec.HolderIdentity != ""
	}
	require.Eventually(t, held, 30*time.Second, 50*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
	assert.False(t, held(), "the next manager need not wait for the lease to run out")
}

func TestRunRefusesBadOptions(t *testing.T) {
	t.Parallel()
	options := manager.NewOptions()
	options.LogFormat = "xml"
	require.ErrorContains(t, manager.Run(t.Context(), env.Config, provider(), options, nil), "--logging-format")
}

func TestSetupErrorsEndTheManager(t *testing.T) {
	installed(t, label)
	err := manager.Run(t.Context(), env.Config, provider(), localOptions(t),
		func(context.Context, ctrl.Manager) error { return errors.New("no such index") })
	assert.EqualError(t, err, "setting up controllers: no such index")
}

func TestProviderRestrictsItsCache(t *testing.T) {
	installed(t, label)
	ns := env.Namespace(t)
	p, options := provider(), localOptions(t)
	p.Cache = map[client.Object]cache.ByObject{
		&corev1.Service{}: {Field: fields.OneTermEqualSelector("metadata.name", "seen")},
	}
	for _, name := range []string{"seen", "unseen"} {
		env.Create(t, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
			Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1}}},
		})
	}
	started := make(chan ctrl.Manager, 1)
	run(t, p, options, func(_ context.Context, m ctrl.Manager) error { started <- m; return nil })
	mgr := <-started
	require.True(t, mgr.GetCache().WaitForCacheSync(t.Context()))
	eventuallyStatus(t, "http://"+options.HealthAddress+"/readyz", http.StatusOK)
	services := &corev1.ServiceList{}
	require.NoError(t, mgr.GetClient().List(t.Context(), services, client.InNamespace(ns)))
	require.Len(t, services.Items, 1)
	assert.Equal(t, "seen", services.Items[0].Name)
}

func TestUserAgent(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "k0smotron-bootstrap/"+manager.Version(), manager.UserAgent("k0smotron-bootstrap"))
}
