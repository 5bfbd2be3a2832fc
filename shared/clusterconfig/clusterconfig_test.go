// SPDX-License-Identifier: Apache-2.0

package clusterconfig_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/clusterconfig"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

var env *testenv.Environment

// TestMain starts a real API server, which plays the one of the workload cluster.
func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, testenv.Options{}, func(e *testenv.Environment) { env = e }))
}

func access() clusterconfig.Access {
	return clusterconfig.Access{Client: env.Client, FieldOwner: "k0smotron-test"}
}

// TestAccess walks through the life of the configuration in one cluster.
func TestAccess(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	served, err := access().Apply(ctx, testenv.ClusterConfig(map[string]any{"a": "1"}))
	require.NoError(t, err)
	assert.False(t, served, "k0s has not made its kind yet")

	require.NoError(t, env.Client.Create(ctx, testenv.ClusterConfigCRD()))
	require.Eventually(t, func() bool {
		served, err = access().Apply(ctx, testenv.ClusterConfig(map[string]any{"a": "1", "b": "2"}))
		return err == nil && served
	}, 20*time.Second, 100*time.Millisecond, "%v", err)

	// k0s's own values stay, ours that are left out go.
	live := testenv.ClusterConfig(nil)
	env.Get(t, live)
	own := live.DeepCopy()
	require.NoError(t, unstructured.SetNestedField(own.Object, "k0s", "spec", "own"))
	require.NoError(t, env.Client.Update(ctx, own, client.FieldOwner("k0s")))
	_, err = access().Apply(ctx, testenv.ClusterConfig(map[string]any{"a": "3"}))
	require.NoError(t, err)
	env.Get(t, live)
	assert.Equal(t, map[string]any{"a": "3", "own": "k0s"}, live.Object["spec"])

	opinion := func() clusterconfig.Opinion {
		told, err := access().Opinion(ctx, live.GroupVersionKind().GroupVersion())
		require.NoError(t, err)
		return told
	}
	assert.Equal(t, clusterconfig.VerdictUnknown, opinion().Verdict)
	event(t, "old", "FailedReconciling", time.Now().Add(-time.Hour))
	event(t, "noise", "SomethingElse", time.Now())
	assert.Equal(t, clusterconfig.VerdictUnknown, opinion().Verdict, "what was said before our last write does not count")
	event(t, "refused", "FailedReconciling", time.Now().Add(time.Second))
	assert.Equal(t, clusterconfig.Opinion{Verdict: clusterconfig.VerdictRefused, Message: "message of refused"}, opinion())
	event(t, "accepted", "SuccessfulReconcile", time.Now().Add(2*time.Second))
	assert.Equal(t, clusterconfig.VerdictReconciled, opinion().Verdict, "the last word counts")

	require.NoError(t, env.Client.Delete(ctx, live))
	testSharedFields(t)
}

// testSharedFields: k0s creates the object from its file, and so owns values that we apply too. What the user removes is
// removed all the same; what only k0s has set stays, and what somebody has set by hand.
func testSharedFields(t *testing.T) {
	t.Helper()
	konnectivity := map[string]any{"agentPort": int64(8132), "externalAddress": "api.example.org:8132"}
	gates := []any{map[string]any{"name": "A", "enabled": true}}
	byK0s := testenv.ClusterConfig(map[string]any{
		"konnectivity": konnectivity,
		"featureGates": gates,
		"network":      map[string]any{"provider": "custom", "mtu": int64(1400)},
	})
	require.NoError(t, env.Client.Create(t.Context(), byK0s, client.FieldOwner("k0s")))
	byHand := testenv.ClusterConfig(nil)
	env.Get(t, byHand)
	require.NoError(t, unstructured.SetNestedField(byHand.Object, "loud", "spec", "telemetry"))
	require.NoError(t, env.Client.Update(t.Context(), byHand, client.FieldOwner("kubectl-edit")))

	apply := func(spec map[string]any) map[string]any {
		served, err := access().Apply(t.Context(), testenv.ClusterConfig(spec))
		require.NoError(t, err)
		require.True(t, served)
		live := testenv.ClusterConfig(nil)
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
