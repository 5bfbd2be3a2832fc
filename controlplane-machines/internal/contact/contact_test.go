// SPDX-License-Identifier: Apache-2.0

package contact_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/contact"
	"github.com/k0smotron/k0smotron/shared/phase"
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

// api is a server that answers everything with a status, and counts connections.
type api struct {
	access contact.Access
	status atomic.Int32
	dialed atomic.Int32
}

func serve(t *testing.T, status int32) *api {
	t.Helper()
	a := &api{}
	a.status.Store(status)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(int(a.status.Load()))
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			a.dialed.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: server.URL}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	config.CurrentContext = "x"
	text, err := clientcmd.Write(*config)
	require.NoError(t, err)
	a.access = contact.Access{Cluster: cluster, Kubeconfig: text}
	return a
}

func TestReady(t *testing.T) {
	t.Parallel()
	c := clusters(connections{})
	server := serve(t, http.StatusOK)
	assert.True(t, c.Ready(t.Context(), server.access).OK())
	server.status.Store(http.StatusInternalServerError)
	assert.False(t, c.Ready(t.Context(), server.access).OK())
	c.Forget(cluster)
	evidence := c.Ready(t.Context(), contact.Access{Cluster: cluster, Kubeconfig: []byte("nonsense")})
	assert.False(t, evidence.OK())
	assert.Contains(t, evidence.Message, "kubeconfig")
}

// looks notes the connections that it was given, and fails over those that are cached, or not.
type looks struct {
	over   []contact.Connection
	failed map[bool]error
}

func (l *looks) look(ctx context.Context, connection contact.Connection) error {
	l.over = append(l.over, connection)
	// Whatever the answer is: there has been a request.
	_ = connection.Live.Get(ctx, client.ObjectKey{Namespace: "zoo", Name: "keeper"}, &corev1.ConfigMap{})
	return l.failed[connection.Cached]
}

func TestReachThroughTheCache(t *testing.T) {
	t.Parallel()
	connected := fake.NewClientBuilder().Build()
	c := clusters(connections{connected: connected})
	var l looks
	require.NoError(t, c.Reach(t.Context(), contact.Access{Cluster: cluster}, l.look))
	require.Len(t, l.over, 1)
	assert.Equal(t, contact.Connection{Objects: connected, Live: connected, Cached: true}, l.over[0])
}

// TestReachDirectly: while the cache is not connected, there is another way.
func TestReachDirectly(t *testing.T) {
	t.Parallel()
	c := clusters(connections{err: phase.Waiting(workload.NotConnected, "not connected", 0)})
	server := serve(t, http.StatusOK)
	var l looks
	require.NoError(t, c.Reach(t.Context(), server.access, l.look))
	require.Len(t, l.over, 1)
	assert.False(t, l.over[0].Cached)
	assert.Equal(t, int32(1), server.dialed.Load())

	err := c.Reach(t.Context(), contact.Access{Cluster: cluster, Kubeconfig: []byte("nonsense")}, l.look)
	require.ErrorContains(t, err, "not connected")
	require.ErrorContains(t, err, "kubeconfig")
	assert.Len(t, l.over, 1)
}

// TestReachAnotherServer: a connection leads to one API server, which may hang, so another one is made, anew as long as
// it fails, and kept when it does not.
func TestReachAnotherServer(t *testing.T) {
	t.Parallel()
	c := clusters(connections{connected: fake.NewClientBuilder().Build()})
	server := serve(t, http.StatusOK)
	hangs, fails := errors.New("the cached one hangs"), errors.New("the direct one fails")

	both := looks{failed: map[bool]error{true: hangs, false: fails}}
	err := c.Reach(t.Context(), server.access, both.look)
	require.ErrorIs(t, err, hangs)
	require.ErrorIs(t, err, fails)
	assert.Len(t, both.over, 2)

	one := looks{failed: map[bool]error{true: hangs}}
	for range 3 {
		require.NoError(t, c.Reach(t.Context(), server.access, one.look))
	}
	assert.Len(t, one.over, 6)
	assert.Equal(t, int32(2), server.dialed.Load(), "one that failed, and one for all that followed")
}

// TestLookIsBounded: what is asked over a connection has an end.
func TestLookIsBounded(t *testing.T) {
	t.Parallel()
	c := clusters(connections{connected: fake.NewClientBuilder().Build()})
	require.NoError(t, c.Reach(t.Context(), contact.Access{Cluster: cluster},
		func(ctx context.Context, _ contact.Connection) error {
			end, bounded := ctx.Deadline()
			assert.True(t, bounded)
			assert.LessOrEqual(t, time.Until(end), contact.Timeout)
			return nil
		}))
}
