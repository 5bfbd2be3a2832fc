// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/app"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

const within = 60 * time.Second

var env *testenv.Environment

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, testenv.Options{
		CRDPaths:    []string{"../../config/crd/bases"},
		AddToScheme: []func(*runtime.Scheme) error{controlplanev1.AddToScheme, bootstrapv1.AddToScheme},
		Webhooks:    []string{"../../config/webhook/manifests.yaml"},
	}, func(e *testenv.Environment) { env = e }))
}

// TestRun starts the program as its Deployment does. While the kinds are another provider's it is alive and not ready.
// Once they are its own it admits and reconciles, without the bootstrap provider as far as that goes, and goes on when
// that appears.
func TestRun(t *testing.T) { // It sets an environment variable.
	t.Setenv("KUBECONFIG", kubeconfig(t))
	label(t, "control-plane-somebody-else")
	health, metrics := freePort(t), freePort(t)
	args := []string{
		"--insecure-diagnostics", "--diagnostics-address=127.0.0.1:" + metrics, "--health-addr=127.0.0.1:" + health,
		"--webhook-cert-dir=" + env.Webhooks.LocalServingCertDir,
		"--webhook-port=" + strconv.Itoa(env.Webhooks.LocalServingPort), "--v=0",
	}

	stop := run(t, args)
	answers(t, "http://127.0.0.1:"+health+"/healthz", http.StatusOK)
	answers(t, "http://127.0.0.1:"+health+"/readyz", http.StatusInternalServerError)
	stop()

	label(t, "control-plane-k0smotron-machines")
	t.Cleanup(run(t, args))
	answers(t, "http://127.0.0.1:"+health+"/readyz", http.StatusOK)
	answers(t, "http://127.0.0.1:"+metrics+"/metrics", http.StatusOK)

	controlPlane := createCluster(t, env.Namespace(t), clusterv1.APIEndpoint{Host: "127.0.0.1", Port: 1}, 1)
	assert.Equal(t, "v1.36.3+k0s.2", controlPlane.Spec.Version, "the webhook has added the v")
	becomes(t, controlPlane, metav1.ConditionFalse)

	_, err := envtest.InstallCRDs(env.Config, envtest.CRDInstallOptions{
		Paths: []string{"../../../bootstrap/config/crd/bases"}, ErrorIfPathMissing: true, MaxTime: within,
	})
	require.NoError(t, err)
	becomes(t, controlPlane, metav1.ConditionTrue)
	require.Eventually(t, func() bool {
		machines := &clusterv1.MachineList{}
		err := env.Client.List(t.Context(), machines, client.InNamespace(controlPlane.Namespace))
		return err == nil && len(machines.Items) == 1
	}, within, 50*time.Millisecond)
}

// becomes waits until it is told whether the bootstrap provider is ready.
func becomes(t *testing.T, controlPlane *controlplanev1.K0sControlPlane, status metav1.ConditionStatus) {
	t.Helper()
	const condition = controlplanev1.BootstrapProviderReadyCondition
	if !assert.Eventually(t, func() bool {
		env.Get(t, controlPlane)
		return meta.IsStatusConditionPresentAndEqual(controlPlane.Status.Conditions, condition, status)
	}, within, 50*time.Millisecond) {
		require.FailNow(t, "it does not come to that", "%s=%s: %v", condition, status, controlPlane.Status.Conditions)
	}
}

// run starts the program and returns what stops it and waits for its end.
func run(t *testing.T, args []string) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Main(ctx, args) }()
	return func() {
		cancel()
		assert.NoError(t, <-ended)
	}
}

func createCluster(
	t testing.TB, namespace string, endpoint clusterv1.APIEndpoint, replicas int32,
) *controlplanev1.K0sControlPlane {
	t.Helper()
	cluster := testenv.Cluster(namespace, func(c *clusterv1.Cluster) {
		c.Spec.ControlPlaneEndpoint = endpoint
		c.Status.Initialization.InfrastructureProvisioned = new(true)
		c.Spec.ControlPlaneRef = clusterv1.ContractVersionedObjectReference{
			APIGroup: controlplanev1.GroupVersion.Group, Kind: "K0sControlPlane", Name: c.Name,
		}
	})
	env.Create(t, cluster, testenv.InfraMachineTemplate(namespace, "medium", map[string]any{"size": "m"}))
	controlPlane := &controlplanev1.K0sControlPlane{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: cluster.Name, Labels: map[string]string{clusterv1.ClusterNameLabel: cluster.Name},
		},
		Spec: controlplanev1.K0sControlPlaneSpec{Version: "1.36.3+k0s.2", Replicas: new(replicas)},
	}
	controlPlane.Spec.MachineTemplate.Spec.InfrastructureRef = clusterv1.ContractVersionedObjectReference{
		APIGroup: testenv.InfraGroupVersion.Group, Kind: testenv.InfraMachineTemplateKind, Name: "medium",
	}
	testenv.OwnedBy(controlPlane, cluster, clusterv1.GroupVersion.WithKind("Cluster"))
	require.Eventually(t, func() bool {
		return env.Client.Create(t.Context(), controlPlane) == nil
	}, within, 100*time.Millisecond, "the webhook does not answer")
	return controlPlane
}

// label says whose our kinds are, as clusterctl does.
func label(t testing.TB, provider string) {
	t.Helper()
	for _, plural := range []string{"k0scontrolplanes", "k0scontrolplanetemplates"} {
		require.Eventually(t, func() bool {
			crd := &apiextensionsv1.CustomResourceDefinition{
				ObjectMeta: metav1.ObjectMeta{Name: plural + ".controlplane.cluster.x-k8s.io"},
			}
			env.Get(t, crd)
			crd.Labels[clusterv1.ProviderNameLabel] = provider
			return env.Client.Update(t.Context(), crd) == nil
		}, within, 100*time.Millisecond)
	}
}

// kubeconfig is a file with an administrator's access.
func kubeconfig(t *testing.T) string {
	t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: env.Config.Host, CertificateAuthorityData: env.Config.CAData}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{
		ClientCertificateData: env.Config.CertData, ClientKeyData: env.Config.KeyData,
	}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	config.CurrentContext = "x"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, clientcmd.WriteToFile(*config, path))
	return path
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return port
}

// answers waits until a URL answers with a status.
func answers(t *testing.T, url string, status int) {
	t.Helper()
	require.Eventually(t, func() bool {
		response, err := http.Get(url)
		if err != nil {
			return false
		}
		defer func() { _ = response.Body.Close() }()
		return response.StatusCode == status
	}, within, 50*time.Millisecond, "%s does not answer %d", url, status)
}
