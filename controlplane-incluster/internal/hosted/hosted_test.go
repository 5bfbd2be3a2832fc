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
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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

// clusterConfig is a cluster-wide configuration.
func clusterConfig(spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "k0s.k0sproject.io/v1beta1", "kind": "ClusterConfig",
		"metadata": map[string]any{"name": "k0s", "namespace": "kube-system"}, "spec": spec,
	}}
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

// TestConfig walks through the life of the configuration in one cluster.
func TestConfig(t *testing.T) {
	t.Parallel()
	ctx, c := t.Context(), clusters()
	served, err := c.ApplyConfig(ctx, access(t), clusterConfig(map[string]any{"a": "1"}))
	require.NoError(t, err)
	assert.False(t, served, "k0s has not made its kind yet")

	require.NoError(t, env.Client.Create(ctx, crd()))
	require.Eventually(t, func() bool {
		served, err = c.ApplyConfig(ctx, access(t), clusterConfig(map[string]any{"a": "1", "b": "2"}))
		return err == nil && served
	}, 20*time.Second, 100*time.Millisecond, "%v", err)

	// k0s's own values stay, ours that are left out go.
	live := clusterConfig(nil)
	env.Get(t, live)
	own := live.DeepCopy()
	require.NoError(t, unstructured.SetNestedField(own.Object, "k0s", "spec", "own"))
	require.NoError(t, env.Client.Update(ctx, own, client.FieldOwner("k0s")))
	_, err = c.ApplyConfig(ctx, access(t), clusterConfig(map[string]any{"a": "3"}))
	require.NoError(t, err)
	env.Get(t, live)
	assert.Equal(t, map[string]any{"a": "3", "own": "k0s"}, live.Object["spec"])

	opinion := func() hosted.Opinion {
		told, err := c.Opinion(ctx, access(t), live.GroupVersionKind().GroupVersion())
		require.NoError(t, err)
		return told
	}
	assert.Equal(t, clusterconfig.VerdictUnknown, opinion().Verdict)
	event(t, "old", "FailedReconciling", time.Now().Add(-time.Hour))
	event(t, "noise", "SomethingElse", time.Now())
	assert.Equal(t, clusterconfig.VerdictUnknown, opinion().Verdict, "what was said before our last write does not count")
	event(t, "refused", "FailedReconciling", time.Now().Add(time.Second))
	assert.Equal(t, hosted.Opinion{Verdict: clusterconfig.VerdictRefused, Message: "message of refused"}, opinion())
	event(t, "accepted", "SuccessfulReconcile", time.Now().Add(2*time.Second))
	assert.Equal(t, clusterconfig.VerdictReconciled, opinion().Verdict, "the last word counts")
	c.Forget(access(t).Cluster)

	require.NoError(t, env.Client.Delete(ctx, live))
	testSharedFields(t, c)
}

// testSharedFields: k0s creates the object from its file, and so owns values that we apply too. What the user removes is
// removed all the same; what only k0s has set stays, and what somebody has set by hand.
func testSharedFields(t *testing.T, c *hosted.Clusters) {
	t.Helper()
	konnectivity := map[string]any{"agentPort": int64(8132), "externalAddress": "api.example.org:8132"}
	gates := []any{map[string]any{"name": "A", "enabled": true}}
	byK0s := clusterConfig(map[string]any{
		"konnectivity": konnectivity,
		"featureGates": gates,
		"network":      map[string]any{"provider": "custom", "mtu": int64(1400)},
	})
	require.NoError(t, env.Client.Create(t.Context(), byK0s, client.FieldOwner("k0s")))
	byHand := clusterConfig(nil)
	env.Get(t, byHand)
	require.NoError(t, unstructured.SetNestedField(byHand.Object, "loud", "spec", "telemetry"))
	require.NoError(t, env.Client.Update(t.Context(), byHand, client.FieldOwner("kubectl-edit")))

	apply := func(spec map[string]any) map[string]any {
		served, err := c.ApplyConfig(t.Context(), access(t), clusterConfig(spec))
		require.NoError(t, err)
		require.True(t, served)
		live := clusterConfig(nil)
		env.Get(t, live)
		return live.Object["spec"].(map[string]any)
	}
	network := map[string]any{"provider": "custom", "mtu": int64(1400)}
	wish := map[string]any{
		"konnectivity": konnectivity,
		"featureGates": gates,
		"network":      map[string]any{"provider": "custom"},
		"telemetry":    "loud",
	}
	whole := map[string]any{"konnectivity": konnectivity, "featureGates": gates, "network": network, "telemetry": "loud"}
	assert.Equal(t, whole, apply(wish))
	assert.Equal(t, whole, apply(wish), "nothing is lost by applying it again")

	delete(wish, "featureGates")
	wish["konnectivity"] = map[string]any{"agentPort": int64(8132)}
	delete(wish, "telemetry")
	assert.Equal(t, map[string]any{
		"konnectivity": map[string]any{"agentPort": int64(8132)}, "network": network, "telemetry": "loud",
	}, apply(wish))

	assert.Equal(t, map[string]any{"network": map[string]any{"mtu": int64(1400)}, "telemetry": "loud"},
		apply(map[string]any{}))
}

// event is one of k0s.
func event(t *testing.T, name, reason string, at time.Time) {
	t.Helper()
	env.Create(t, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: "kube-system", Name: name},
		InvolvedObject: corev1.ObjectReference{Kind: "ClusterConfig", Namespace: "kube-system", Name: "k0s"},
		Reason:         reason,
		Message:        "message of " + name + "\n",
		FirstTimestamp: metav1.NewTime(at),
		LastTimestamp:  metav1.NewTime(at),
	})
}

func crd() *apiextensionsv1.CustomResourceDefinition {
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "clusterconfigs.k0s.k0sproject.io"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "k0s.k0sproject.io", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{
				Kind: "ClusterConfig", ListKind: "ClusterConfigList", Plural: "clusterconfigs",
			},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1beta1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object",
					Properties: map[string]apiextensionsv1.JSONSchemaProps{
						"spec": {Type: "object", XPreserveUnknownFields: new(true)},
					},
				}},
			}},
		},
	}
}
