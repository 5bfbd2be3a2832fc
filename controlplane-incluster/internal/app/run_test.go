// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/app"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

var env *testenv.Environment

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, testenv.Options{
		CRDPaths:    []string{"../../config/crd/bases"},
		AddToScheme: []func(*runtime.Scheme) error{controlplanev1.AddToScheme},
		Webhooks:    []string{"../../config/webhook/manifests.yaml"},
	}, func(e *testenv.Environment) { env = e }))
}

// TestRun starts the program as its Deployment does. While the kinds are another provider's it is alive and not ready,
// and writes nothing; once they are its own it reconciles, admits and tells metrics.
func TestRun(t *testing.T) { // It sets an environment variable.
	t.Setenv("KUBECONFIG", kubeconfig(t))
	label(t, "control-plane-somebody-else")
	health, metrics := freePort(t), freePort(t)
	args := []string{
		"--place-image=example.org/manager:v1", "--insecure-diagnostics", "--diagnostics-address=127.0.0.1:" + metrics,
		"--health-addr=127.0.0.1:" + health, "--webhook-cert-dir=" + env.Webhooks.LocalServingCertDir,
		"--webhook-port=" + strconv.Itoa(env.Webhooks.LocalServingPort), "--pod-env=HTTPS_PROXY=http://proxy:3128", "--v=0",
	}

	stop := run(t, args)
	answers(t, "http://127.0.0.1:"+health+"/healthz", http.StatusOK)
	answers(t, "http://127.0.0.1:"+health+"/readyz", http.StatusInternalServerError)
	stop()

	label(t, "control-plane-k0smotron")
	t.Cleanup(run(t, args))
	answers(t, "http://127.0.0.1:"+health+"/readyz", http.StatusOK)

	namespace := env.Namespace(t)
	controlPlane := createCluster(t, namespace)
	assert.Equal(t, "v1.36.3+k0s.2", controlPlane.Spec.Version, "the webhook has added the v")
	require.Eventually(t, func() bool {
		ca := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: testenv.ClusterName + "-ca"}}
		return env.Client.Get(t.Context(), client.ObjectKeyFromObject(ca), ca) == nil
	}, 20*time.Second, 50*time.Millisecond)
	require.Eventually(t, func() bool {
		env.Get(t, controlPlane)
		return !controlPlane.Status.CertificatesExpiryDate.IsZero()
	}, 20*time.Second, 50*time.Millisecond)
	text := get(t, "http://127.0.0.1:"+metrics+"/metrics")
	assert.Contains(t, text, fmt.Sprintf(
		`k0smotron_controlplane_certificates_expiry_timestamp_seconds{name="tiger",namespace=%q}`, namespace))
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

func createCluster(t *testing.T, namespace string) *controlplanev1.K0smotronControlPlane {
	t.Helper()
	cluster := testenv.Cluster(namespace)
	env.Create(t, cluster)
	controlPlane := &controlplanev1.K0smotronControlPlane{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: cluster.Name, Labels: map[string]string{clusterv1.ClusterNameLabel: cluster.Name},
		},
		Spec: controlplanev1.K0smotronControlPlaneSpec{Version: "1.36.3+k0s.2"},
	}
	testenv.OwnedBy(controlPlane, cluster, clusterv1.GroupVersion.WithKind("Cluster"))
	require.Eventually(t, func() bool {
		return env.Client.Create(t.Context(), controlPlane) == nil
	}, 20*time.Second, 100*time.Millisecond, "the webhook does not answer")
	return controlPlane
}

// label says whose our kinds are, as clusterctl does.
func label(t *testing.T, provider string) {
	t.Helper()
	for _, plural := range []string{"k0smotroncontrolplanes", "k0smotroncontrolplanetemplates"} {
		require.Eventually(t, func() bool {
			crd := &apiextensionsv1.CustomResourceDefinition{
				ObjectMeta: metav1.ObjectMeta{Name: plural + ".controlplane.cluster.x-k8s.io"},
			}
			env.Get(t, crd)
			crd.Labels[clusterv1.ProviderNameLabel] = provider
			return env.Client.Update(t.Context(), crd) == nil
		}, 10*time.Second, 100*time.Millisecond)
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
	}, 30*time.Second, 50*time.Millisecond, "%s does not answer %d", url, status)
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
}
