// SPDX-License-Identifier: Apache-2.0

package workload_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/kubeconfig"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/workload"
)

// apiServer is a TLS server that behaves as kube-apiserver does towards a probe.
type apiServer struct {
	*httptest.Server
	ca          pki.CA
	issuer      pki.Issuer
	connections atomic.Int32
}

func newCA(t *testing.T, issuer pki.Issuer) pki.CA {
	t.Helper()
	pair, err := issuer.Pair(pki.KubernetesCA)
	require.NoError(t, err)
	ca, err := pki.ParseCA(pair)
	require.NoError(t, err)
	return ca
}

// serve starts a server whose certificate has these names and is issued at the given time.
func serve(t *testing.T, issued time.Time, names []string, handler http.HandlerFunc) *apiServer {
	t.Helper()
	issuer := pki.Issuer{Clock: clocktesting.NewFakePassiveClock(issued), Random: rand.Reader}
	s := &apiServer{ca: newCA(t, issuer), issuer: issuer}
	pair, err := issuer.Issue(s.ca, pki.EtcdServer(names...))
	require.NoError(t, err)
	certificate, err := tls.X509KeyPair(pair.Cert, pair.Key)
	require.NoError(t, err)
	clients := x509.NewCertPool()
	require.True(t, clients.AppendCertsFromPEM(s.ca.PEM))
	s.Server = httptest.NewUnstartedServer(handler)
	s.TLS = &tls.Config{
		Certificates: []tls.Certificate{certificate},
		ClientCAs:    clients,
		ClientAuth:   tls.RequireAnyClientCert,
	}
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.connections.Add(1)
		}
	}
	s.Config.ErrorLog = nil
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *apiServer) kubeconfig(t *testing.T) []byte {
	t.Helper()
	config, err := kubeconfig.Build(s.issuer, s.ca, kubeconfig.Admin{Cluster: "tiger", Server: s.URL})
	require.NoError(t, err)
	return config
}

func (s *apiServer) direct(t *testing.T) *workload.Direct {
	t.Helper()
	direct, err := workload.NewDirect(
		s.kubeconfig(t),
		workload.DirectOptions{Timeout: 2 * time.Second, UserAgent: "probe/1"},
	)
	require.NoError(t, err)
	return direct
}

func ok(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

func TestProbe(t *testing.T) {
	t.Parallel()
	now := time.Now()
	localhost := []string{"127.0.0.1"}
	cases := map[string]struct {
		reason string
		server func(t *testing.T) *apiServer
		want   workload.Evidence
	}{
		"Ready": {
			reason: "200 is the only good answer",
			server: func(t *testing.T) *apiServer {
				t.Helper()
				return serve(t, now, localhost, func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path != "/readyz" || r.UserAgent() != "probe/1" || len(r.TLS.PeerCertificates) != 1 {
						w.WriteHeader(http.StatusTeapot)
					}
				})
			},
			want: workload.Evidence{StatusCode: http.StatusOK, Message: "/readyz answers 200 OK"},
		},
		"NotReady": {
			reason: "an answer is evidence, whatever it says",
			server: func(t *testing.T) *apiServer {
				t.Helper()
				return serve(t, now, localhost, func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(http.StatusInternalServerError)
				})
			},
			want: workload.Evidence{StatusCode: 500, Message: "/readyz answers 500 Internal Server Error"},
		},
		"NobodyListens": {
			reason: "the pod is not there",
			server: func(t *testing.T) *apiServer {
				t.Helper()
				s := serve(t, now, localhost, ok)
				s.Close()
				return s
			},
			want: workload.Evidence{Message: "the API server cannot be reached: connection refused"},
		},
		"Silent": {
			reason: "bounded by the timeout",
			server: func(t *testing.T) *apiServer {
				t.Helper()
				release := make(chan struct{})
				t.Cleanup(func() { close(release) })
				return serve(t, now, localhost, func(_ http.ResponseWriter, r *http.Request) {
					select {
					case <-release:
					case <-r.Context().Done():
					}
				})
			},
			want: workload.Evidence{Message: "the API server does not answer in time"},
		},
		"OtherCA": {
			reason: "somebody else answers at the address",
			server: func(t *testing.T) *apiServer {
				t.Helper()
				s := serve(t, now, localhost, ok)
				s.ca = newCA(t, s.issuer)
				return s
			},
			want: workload.Evidence{
				Message: "the certificate of the API server is not accepted: it is not signed by the cluster's CA",
			},
		},
		"OtherName": {
			reason: "the address is not in the certificate yet",
			server: func(t *testing.T) *apiServer {
				t.Helper()
				return serve(t, now, []string{"10.9.9.9"}, ok)
			},
			want: workload.Evidence{Message: "the certificate of the API server is not accepted: " +
				"it is not valid for the address of the control plane endpoint"},
		},
		"Expired": {
			reason: "leaves live a year",
			server: func(t *testing.T) *apiServer {
				t.Helper()
				s := serve(t, now.Add(-2*pki.LeafLife), localhost, ok)
				s.issuer.Clock = clocktesting.NewFakePassiveClock(now)
				return s
			},
			want: workload.Evidence{
				Message: "the certificate of the API server is not accepted: it has expired or is not valid yet",
			},
		},
		"NotTLS": {
			reason: "something else listens there",
			server: func(t *testing.T) *apiServer {
				t.Helper()
				s := serve(t, now, localhost, ok)
				plain := httptest.NewServer(http.HandlerFunc(ok))
				t.Cleanup(plain.Close)
				s.URL = strings.Replace(plain.URL, "http:", "https:", 1)
				return s
			},
			want: workload.Evidence{Message: "the API server closes the connection"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct := tc.server(t).direct(t)
			first, second := direct.Probe(t.Context(), "/readyz"), direct.Probe(t.Context(), "/readyz")
			assert.Equal(t, tc.want, first, tc.reason)
			assert.Equal(t, first, second, "the message is the same while the cause is")
			assert.Equal(t, tc.want.StatusCode == http.StatusOK, first.OK())
			assert.Equal(t, tc.want.StatusCode != 0, first.Reached())
		})
	}
}

func TestProbeOfAnUnknownHost(t *testing.T) {
	t.Parallel()
	s := serve(t, time.Now(), []string{"127.0.0.1"}, ok)
	s.URL = "https://no-such-host.invalid:6443"
	assert.Equal(
		t,
		"the host name of the API server cannot be resolved",
		s.direct(t).Probe(t.Context(), "/readyz").Message,
	)
}

func TestDirectReusesItsConnectionUntilItIsClosed(t *testing.T) {
	t.Parallel()
	s := serve(t, time.Now(), []string{"127.0.0.1"}, ok)
	direct := s.direct(t)
	for range 3 {
		require.True(t, direct.Probe(t.Context(), "/readyz").OK())
	}
	assert.EqualValues(t, 1, s.connections.Load())
	direct.Close()
	require.True(t, direct.Probe(t.Context(), "/readyz").OK())
	assert.EqualValues(t, 2, s.connections.Load())
}

func TestNewDirectRefusesBadKubeconfigs(t *testing.T) {
	t.Parallel()
	_, err := workload.NewDirect([]byte("x: ["), workload.DirectOptions{})
	require.ErrorContains(t, err, "reading kubeconfig")
	s := serve(t, time.Now(), []string{"127.0.0.1"}, ok)
	spoiled := strings.Replace(string(s.kubeconfig(t)), "client-key-data: ", "client-key-data: AAAA", 1)
	_, err = workload.NewDirect([]byte(spoiled), workload.DirectOptions{})
	assert.ErrorContains(t, err, "reading certificates of kubeconfig")
}

func TestPool(t *testing.T) {
	t.Parallel()
	s := serve(t, time.Now(), []string{"127.0.0.1"}, ok)
	pool := workload.NewPool(workload.DirectOptions{})
	tiger, lion := client.ObjectKey{Namespace: "a", Name: "tiger"}, client.ObjectKey{Namespace: "a", Name: "lion"}
	config := s.kubeconfig(t)

	first, err := pool.Get(tiger, config)
	require.NoError(t, err)
	again, err := pool.Get(tiger, config)
	require.NoError(t, err)
	assert.Same(t, first, again)
	other, err := pool.Get(lion, config)
	require.NoError(t, err)
	assert.NotSame(t, first, other, "every cluster has a transport of its own")
	renewed, err := pool.Get(tiger, s.kubeconfig(t))
	require.NoError(t, err)
	assert.NotSame(t, first, renewed, "a renewed kubeconfig is used")

	pool.Forget(tiger)
	pool.Forget(tiger)
	fresh, err := pool.Get(tiger, config)
	require.NoError(t, err)
	assert.NotSame(t, first, fresh)

	_, err = pool.Get(tiger, []byte("x: ["))
	require.Error(t, err)
}

// TestPoolProbe: the server behind a connection may be one of several, and the only one that is not ready.
func TestPoolProbe(t *testing.T) {
	t.Parallel()
	var sick atomic.Bool
	s := serve(t, time.Now(), []string{"127.0.0.1"}, func(w http.ResponseWriter, _ *http.Request) {
		if sick.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	pool, tiger, config := workload.NewPool(workload.DirectOptions{}), client.ObjectKey{Name: "tiger"}, s.kubeconfig(t)
	probe := func() bool { return pool.Probe(t.Context(), tiger, config, "/readyz").OK() }

	assert.True(t, probe())
	assert.True(t, probe())
	assert.EqualValues(t, 1, s.connections.Load(), "a connection that is good is kept")
	sick.Store(true)
	assert.False(t, probe())
	sick.Store(false)
	assert.True(t, probe())
	assert.True(t, probe())
	assert.EqualValues(t, 2, s.connections.Load())

	evidence := pool.Probe(t.Context(), tiger, []byte("x: ["), "/readyz")
	assert.Contains(t, evidence.Message, "kubeconfig")
	assert.False(t, evidence.Reached())
}
