// SPDX-License-Identifier: Apache-2.0

package contact_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/clock"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/contact"
	"github.com/k0smotron/k0smotron/shared/kubeconfig"
	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/workload"
)

var cluster = client.ObjectKey{Namespace: "zoo", Name: "tiger"}

// connections is a cluster cache that is connected, or says why not.
type connections struct {
	connected client.Client
	err       error
}

func (c connections) Client(context.Context, client.ObjectKey) (client.Client, error) {
	return c.connected, c.err
}

func (c connections) Live(context.Context, client.ObjectKey) (client.Client, error) {
	return c.connected, c.err
}

func (connections) Watch(context.Context, client.ObjectKey, clustercache.Watcher) error { return nil }

func clusters(cached workload.Clusters) *contact.Clusters {
	return contact.New(cached, workload.NewPool(workload.DirectOptions{Timeout: contact.Timeout}))
}

// server answers everything with a status.
func server(t *testing.T, status int) contact.Access {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(api.Close)
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: api.URL}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	config.CurrentContext = "x"
	text, err := clientcmd.Write(*config)
	require.NoError(t, err)
	return contact.Access{Cluster: cluster, Kubeconfig: text}
}

func TestReady(t *testing.T) {
	t.Parallel()
	c := clusters(connections{})
	assert.True(t, c.Ready(t.Context(), server(t, http.StatusOK)).OK())
	assert.False(t, c.Ready(t.Context(), server(t, http.StatusInternalServerError)).OK())
	c.Forget(cluster)
	evidence := c.Ready(t.Context(), contact.Access{Cluster: cluster, Kubeconfig: []byte("nonsense")})
	assert.False(t, evidence.OK())
	assert.Contains(t, evidence.Message, "kubeconfig")
}

func TestConnectThroughTheCache(t *testing.T) {
	t.Parallel()
	connected := fake.NewClientBuilder().Build()
	connection, err := clusters(connections{connected: connected}).Connect(t.Context(), contact.Access{Cluster: cluster})
	require.NoError(t, err)
	assert.True(t, connection.Cached)
	assert.Same(t, connected, connection.Live)
	assert.Same(t, connected, connection.Objects)
}

// TestConnectDirectly: while the cache is not connected, there is another way.
func TestConnectDirectly(t *testing.T) {
	t.Parallel()
	issuer := pki.Issuer{Clock: clock.RealClock{}, Random: rand.Reader}
	pair, err := issuer.Pair(pki.KubernetesCA)
	require.NoError(t, err)
	ca, err := pki.ParseCA(pair)
	require.NoError(t, err)
	text, err := kubeconfig.Build(issuer, ca, kubeconfig.Admin{Cluster: "tiger", Server: "https://127.0.0.1:1"})
	require.NoError(t, err)

	c := clusters(connections{err: phase.Waiting(workload.NotConnected, "not connected", 0)})
	connection, err := c.Connect(t.Context(), contact.Access{Cluster: cluster, Kubeconfig: text})
	require.NoError(t, err)
	assert.False(t, connection.Cached)
	assert.NotNil(t, connection.Live)

	_, err = c.Connect(t.Context(), contact.Access{Cluster: cluster, Kubeconfig: []byte("nonsense")})
	require.Error(t, err)
}

func TestOtherErrorsAreToldAsTheyAre(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	_, err := clusters(connections{err: broken}).Connect(t.Context(), contact.Access{Cluster: cluster})
	require.ErrorIs(t, err, broken)
}
