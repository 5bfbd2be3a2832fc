// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
)

// quorum is an etcd that knows these members, or fails.
type quorum struct {
	all []etcdMember
	err error
}

func (q *quorum) members(context.Context) ([]etcdMember, error) { return q.all, q.err }

func newTestMembership(etcd *quorum) *membership {
	kinds := map[schema.GroupVersionResource]string{
		memberResource:      "EtcdMemberList",
		controlNodeResource: "ControlNodeList",
	}
	return &membership{
		client: fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds), etcd: etcd,
		log: slog.New(slog.DiscardHandler), member: "demo-abc", peerAddress: "10.211.0.20", controlNode: "demo-abc",
		apiAddress: "10.211.0.20", hostname: "Host-1", invocation: "life-1",
	}
}

func TestMembershipIsWhatK0sWrites(t *testing.T) {
	t.Parallel()
	m := newTestMembership(&quorum{all: []etcdMember{{ID: "9372538179322589801", Name: "demo-abc"}}})
	require.NoError(t, m.register(t.Context()))

	member := get(t, m, memberResource)
	assert.Equal(t, map[string]string{
		"k0s.k0sproject.io/controller-lease":  "k0s-ctrl-host-1",
		"k0s.k0sproject.io/shutdown-on-leave": "life-1",
	}, member.GetLabels())
	assert.Equal(t, map[string]any{"leave": false}, member.Object["spec"])
	status := statusOf(member)
	assert.Equal(t, "10.211.0.20", status["peerAddress"])
	assert.Equal(t, "8211f1d0f64f3269", status["memberID"])
	assert.Equal(t, "True", joinedOf(t, member)["status"])

	node := get(t, m, controlNodeResource)
	assert.Equal(t, "controller", node.GetAnnotations()["autopilot.k0sproject.io/mode"])
	assert.Equal(t, "v1.36.3+k0s.2", statusOf(node)["k0sVersion"])
	assert.Equal(t, []any{
		map[string]any{"type": "InternalIP", "address": "10.211.0.20"},
		map[string]any{"type": "Hostname", "address": "demo-abc"},
	}, statusOf(node)["addresses"])
}

// A controller that starts again is the same member with another life, and has not been told to leave.
func TestMembershipIsRenewed(t *testing.T) {
	t.Parallel()
	m := newTestMembership(&quorum{all: []etcdMember{{ID: "10", Name: "demo-abc"}}})
	require.NoError(t, m.register(t.Context()))
	member := get(t, m, memberResource)
	labels := member.GetLabels()
	labels["mine"], labels[shutdownLabel] = "kept", "life-1"
	member.SetLabels(labels)
	member.Object["spec"] = map[string]any{"leave": true}
	_, err := m.client.Resource(memberResource).Update(t.Context(), member, metav1.UpdateOptions{})
	require.NoError(t, err)

	m.invocation = "life-2"
	require.NoError(t, m.register(t.Context()))
	member = get(t, m, memberResource)
	assert.Equal(
		t,
		map[string]string{leaseLabel: "k0s-ctrl-host-1", lifeLabel: "life-2", "mine": "kept"},
		member.GetLabels(),
	)
	assert.Equal(t, map[string]any{"leave": false}, member.Object["spec"])
}

func TestMembershipNeedsItsMember(t *testing.T) {
	t.Parallel()
	m := newTestMembership(&quorum{all: []etcdMember{{ID: "10", Name: "another"}}})
	require.ErrorContains(t, m.register(t.Context()), "no member of this name")
	m.etcd = &quorum{err: errors.New("no leader")}
	require.ErrorContains(t, m.register(t.Context()), "no leader")
	m.etcd = &quorum{all: []etcdMember{{ID: "x", Name: "demo-abc"}}}
	require.ErrorContains(t, m.register(t.Context()), "reading the id")
}

func TestWithoutEtcdAndAutopilotThereIsNothingToTell(t *testing.T) {
	t.Parallel()
	m := newTestMembership(nil)
	m.member, m.controlNode = "", ""
	assert.Empty(t, m.definitions())
	require.NoError(t, m.register(t.Context()))
	require.NoError(t, m.resync(t.Context()))
}

func TestResyncSaysWhatEtcdSays(t *testing.T) {
	t.Parallel()
	etcd := &quorum{all: []etcdMember{{ID: "10", Name: "demo-abc"}}}
	m := newTestMembership(etcd)
	require.NoError(t, m.register(t.Context()))
	before := get(t, m, memberResource)
	require.NoError(t, m.resync(t.Context()))
	assert.Equal(t, before, get(t, m, memberResource), "all is as it should be")

	before.Object["spec"] = map[string]any{"leave": true}
	_, err := m.client.Resource(memberResource).Update(t.Context(), before, metav1.UpdateOptions{})
	require.NoError(t, err)
	require.NoError(t, m.resync(t.Context()))
	member := get(t, m, memberResource)
	assert.Contains(t, statusOf(member)["message"], "The only active controller cannot leave the etcd cluster")
	assert.Equal(t, "True", joinedOf(t, member)["status"])

	etcd.all = []etcdMember{{ID: "11", Name: "demo-abc"}}
	require.NoError(t, m.resync(t.Context()))
	member = get(t, m, memberResource)
	assert.Equal(t, "Success", statusOf(member)["reconcileStatus"])
	assert.Equal(t, "False", joinedOf(t, member)["status"])
	assert.Equal(t, "No such member ID", joinedOf(t, member)["message"])
}

func TestNamesAreWrittenAsK0sDoes(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "demo-abc", nodeName(" Demo-ABC ", "host"))
	assert.Equal(t, "host", nodeName("", "Host"))
}

func TestEtcdIsAskedThroughItsGateway(t *testing.T) {
	t.Parallel()
	answer, status := `{"header":{},"members":[{"ID":"10","name":"a"},{"ID":"11","name":"b","isLearner":true}]}`, http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Equal(t, `POST /v3/cluster/member/list {"linearizable":true}`, r.Method+" "+r.URL.Path+" "+string(body))
		w.WriteHeader(status)
		_, err = io.WriteString(w, answer)
		assert.NoError(t, err)
	}))
	defer server.Close()
	api := etcdAPI{client: server.Client(), server: server.URL}
	members, err := api.members(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []etcdMember{{ID: "10", Name: "a"}, {ID: "11", Name: "b", IsLearner: true}}, members)
	id, err := members[1].hexID()
	require.NoError(t, err)
	assert.Equal(t, "b", id)

	answer = "{"
	_, err = api.members(t.Context())
	require.Error(t, err)
	status = http.StatusServiceUnavailable
	_, err = api.members(t.Context())
	require.ErrorContains(t, err, "503")
}

func TestDefinitionsNameWhatK0sDefines(t *testing.T) {
	t.Parallel()
	for _, definition := range newTestMembership(nil).definitions() {
		name, _, err := unstructured.NestedString(definition.Object, "spec", "names", "singular")
		require.NoError(t, err)
		assert.Contains(t, []string{"etcdmember", "controlnode"}, name)
		scope, _, err := unstructured.NestedString(definition.Object, "spec", "scope")
		require.NoError(t, err)
		assert.Equal(t, "Cluster", scope)
		assert.NotPanics(t, func() { definition.DeepCopy() }, "it is made of what JSON has")
	}
}

func get(t *testing.T, m *membership, resource schema.GroupVersionResource) *unstructured.Unstructured {
	t.Helper()
	object, err := m.client.Resource(resource).Get(t.Context(), "demo-abc", metav1.GetOptions{})
	require.NoError(t, err)
	return object
}

func joinedOf(t *testing.T, member *unstructured.Unstructured) map[string]any {
	t.Helper()
	conditions, ok := statusOf(member)["conditions"].([]any)
	require.True(t, ok)
	require.Len(t, conditions, 1)
	condition, ok := conditions[0].(map[string]any)
	require.True(t, ok)
	return condition
}
