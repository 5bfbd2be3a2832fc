// SPDX-License-Identifier: Apache-2.0

package hosted_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/hosted"
	"github.com/k0smotron/k0smotron/shared/clusterconfig"
	"github.com/k0smotron/k0smotron/shared/kubeconfig"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/testenv"
	"github.com/k0smotron/k0smotron/shared/workload"
)

const fieldOwner = "k0smotron-controlplane-incluster"

var env *testenv.Environment

// TestMain starts a real API server, which plays the hosted one.
func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, testenv.Options{}, func(e *testenv.Environment) { env = e }))
}

func clusters() *hosted.Clusters {
	return hosted.New(workload.NewPool(workload.DirectOptions{Scheme: env.Scheme, Timeout: 5 * time.Second}), fieldOwner)
}

// access is an administrator's access to the real API server.
func access(t *testing.T) hosted.Access {
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
	return hosted.Access{Cluster: client.ObjectKey{Namespace: "zoo", Name: "tiger"}, Kubeconfig: text}
}

func TestReady(t *testing.T) {
	t.Parallel()
	assert.True(t, clusters().Ready(t.Context(), access(t)).OK())
	assert.Contains(t, clusters().Ready(t.Context(), hosted.Access{Kubeconfig: []byte("nonsense")}).Message, "kubeconfig")
}

// TestReadyProvesIdentity: the answer counts only from a server with a certificate of the cluster's CA, given to a client
// with one, as a hosted API server behind the endpoint has and wants it.
func TestReadyProvesIdentity(t *testing.T) {
	t.Parallel()
	issuer := pki.Issuer{Clock: clock.RealClock{}, Random: rand.Reader}
	ca, other := newCA(t, issuer), newCA(t, issuer)
	server := serve(t, issuer, ca)

	ready := func(ca pki.CA) workload.Evidence {
		text, err := kubeconfig.Build(issuer, ca, kubeconfig.Admin{Cluster: "tiger", Server: server})
		require.NoError(t, err)
		return clusters().Ready(t.Context(), hosted.Access{Kubeconfig: text})
	}
	assert.True(t, ready(ca).OK())
	evidence := ready(other)
	assert.False(t, evidence.OK())
	assert.Contains(t, evidence.Message, "certificate")
}

func newCA(t *testing.T, issuer pki.Issuer) pki.CA {
	t.Helper()
	pair, err := issuer.Pair(pki.KubernetesCA)
	require.NoError(t, err)
	ca, err := pki.ParseCA(pair)
	require.NoError(t, err)
	return ca
}

// serve starts a server that answers members of system:masters.
func serve(t *testing.T, issuer pki.Issuer, ca pki.CA) string {
	t.Helper()
	leaf, err := issuer.Issue(ca, pki.EtcdServer("127.0.0.1"))
	require.NoError(t, err)
	pair, err := tls.X509KeyPair(leaf.Cert, leaf.Key)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(ca.PEM))
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subject := r.TLS.PeerCertificates[0].Subject
		if r.URL.Path != "/readyz" || len(subject.Organization) != 1 || subject.Organization[0] != "system:masters" {
			http.Error(w, "go away", http.StatusForbidden)
		}
	}))
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		MinVersion: tls.VersionTLS12,
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

// TestConfig: the configuration is applied in the hosted cluster, and what its k0s says is read there.
func TestConfig(t *testing.T) {
	t.Parallel()
	ctx, c := t.Context(), clusters()
	config := testenv.ClusterConfig(map[string]any{"a": "1"})
	served, err := c.ApplyConfig(ctx, access(t), config)
	require.NoError(t, err)
	assert.False(t, served, "k0s has not made its kind yet")

	require.NoError(t, env.Client.Create(ctx, testenv.ClusterConfigCRD()))
	require.Eventually(t, func() bool {
		served, err = c.ApplyConfig(ctx, access(t), config)
		return err == nil && served
	}, 20*time.Second, 100*time.Millisecond, "%v", err)
	live := testenv.ClusterConfig(nil)
	env.Get(t, live)
	assert.Equal(t, map[string]any{"a": "1"}, live.Object["spec"])

	at := metav1.NewTime(time.Now().Add(time.Second))
	env.Create(t, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: "kube-system", Name: "refused"},
		InvolvedObject: corev1.ObjectReference{Kind: "ClusterConfig", Namespace: "kube-system", Name: "k0s"},
		Reason:         "FailedReconciling", Message: "no", FirstTimestamp: at, LastTimestamp: at,
	})
	opinion, err := c.Opinion(ctx, access(t), live.GroupVersionKind().GroupVersion())
	require.NoError(t, err)
	assert.Equal(t, hosted.Opinion{Verdict: clusterconfig.VerdictRefused, Message: "no"}, opinion)
	c.Forget(access(t).Cluster)

	_, err = c.ApplyConfig(ctx, hosted.Access{Kubeconfig: []byte("nonsense")}, config)
	require.ErrorContains(t, err, "kubeconfig")
}
