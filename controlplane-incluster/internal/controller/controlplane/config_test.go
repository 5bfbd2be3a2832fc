// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/hosted"
	"github.com/k0smotron/k0smotron/shared/clusterconfig"
)

func k0sConfig(document string) func(*controlplanev1.K0smotronControlPlane) {
	return func(c *controlplanev1.K0smotronControlPlane) { c.Spec.K0sConfig.Raw = []byte(document) }
}

// TestClusterWideChange: it is applied to the running cluster and restarts nothing.
func TestClusterWideChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, k0sConfig(`{"spec":{"telemetry":{"enabled":false}}}`))
	w.clock.SetTime(time.Now()) // conditions carry real times
	w.available()
	require.Len(t, w.hosted.applied, 1)
	set := w.podSet()

	w.hosted.opinion = hosted.Opinion{}
	w.change(k0sConfig(`{"spec":{"scheduler":{"extraArgs":{"v":"2"}}}}`))
	result := w.reconcile()
	assert.Equal(t, 2*time.Second, result.RequeueAfter)
	w.is(controlplanev1.ConfigurationAppliedCondition, metav1.ConditionUnknown)
	require.Len(t, w.hosted.applied, 2)
	spec, _, err := unstructured.NestedMap(w.hosted.applied[1].Object, "spec")
	require.NoError(t, err)
	assert.Contains(t, spec, "scheduler")
	assert.NotContains(t, spec, "telemetry", "what the user removed is no longer ours, so server-side apply removes it")
	assert.Equal(t, set.Generation, w.podSet().Generation)
	w.is(controlplanev1.AvailableCondition, metav1.ConditionTrue)

	w.hosted.opinion = hosted.Opinion{Verdict: clusterconfig.VerdictRefused, Message: "spec: scheduler: nonsense"}
	w.reconcile()
	refused := w.is(controlplanev1.ConfigurationAppliedCondition, metav1.ConditionFalse)
	assert.Contains(t, refused.Message, "spec: scheduler: nonsense")
	assert.Contains(t, refused.Message, "spec.k0sConfig")

	w.hosted.opinion = hosted.Opinion{Verdict: clusterconfig.VerdictReconciled}
	w.reconcile()
	w.is(controlplanev1.ConfigurationAppliedCondition, metav1.ConditionTrue)
	assert.Len(t, w.hosted.applied, 2)

	// The event is gone after an hour, the status after a move.
	w.hosted.opinion = hosted.Opinion{}
	w.reconcile()
	w.controlPlane.Status.Conditions = nil
	require.NoError(t, env.Client.Status().Update(t.Context(), w.controlPlane))
	w.reconcile()
	w.is(controlplanev1.ConfigurationAppliedCondition, metav1.ConditionTrue)
	assert.Len(t, w.hosted.applied, 2)
}

// TestNodeLocalChange: it restarts the pod.
func TestNodeLocalChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t).available()
	set := w.podSet()
	w.change(k0sConfig(`{"spec":{"api":{"extraArgs":{"v":"2"}}}}`))
	w.reconcile()
	assert.Greater(t, w.podSet().Generation, set.Generation)
	w.is(controlplanev1.RollingOutCondition, metav1.ConditionTrue)
}

// TestNoVerdict: a k0s that says nothing is asked often at first, then not any more.
func TestNoVerdict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.SetTime(time.Now()) // conditions carry real times
	w.reconcile()
	w.giveAddress()
	w.reconcile()
	w.runPods(w.etcdSetName(), 1)
	w.runPods(w.podSetName(), 1)
	w.hosted.up()
	w.hosted.serves = false
	w.reconcile()
	assert.Equal(t, 2*time.Second, w.reconcile().RequeueAfter)
	unknown := w.is(controlplanev1.ConfigurationAppliedCondition, metav1.ConditionUnknown)
	assert.Contains(t, unknown.Message, "waiting for k0s to serve")
	w.is(controlplanev1.AvailableCondition, metav1.ConditionTrue)

	w.step(time.Hour)
	assert.Zero(t, w.reconcile().RequeueAfter)
}

// TestContradiction: a value that contradicts the endpoint is told with path, value and fix, and what runs goes on.
func TestContradiction(t *testing.T) {
	t.Parallel()
	w := newWorld(t).available()
	before := w.podSet()
	w.change(k0sConfig(`{"spec":{"api":{"externalAddress":"elsewhere.example.org"}}}`))
	_, err := w.tryReconcile()
	require.Error(t, err)
	condition := w.is(controlplanev1.ConfigurationAppliedCondition, metav1.ConditionFalse)
	for _, word := range []string{"spec.api.externalAddress", "elsewhere.example.org", "remove it"} {
		assert.Contains(t, condition.Message, word)
	}
	assert.Equal(t, before.ResourceVersion, w.podSet().ResourceVersion)
	w.is(controlplanev1.AvailableCondition, metav1.ConditionTrue)
}

// TestContradictionBeforeItIsUp: then it is what keeps the control plane from being available.
func TestContradictionBeforeItIsUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, k0sConfig(`{"spec":{"storage":{"type":"kine"}}}`))
	w.reconcile()
	w.giveAddress()
	_, err := w.tryReconcile()
	require.Error(t, err)
	assert.Contains(t, w.is(controlplanev1.AvailableCondition, metav1.ConditionFalse).Message, "spec.storage.type")
}

// TestRangesOfTheClusterAreFixed: the webhook cannot see Clusters, so the controller refuses.
func TestRangesOfTheClusterAreFixed(t *testing.T) {
	t.Parallel()
	w := newWorld(t).available()
	before := w.secret("k0s-config")
	env.Get(t, w.cluster)
	w.cluster.Spec.ClusterNetwork.Pods = clusterv1.NetworkRanges{CIDRBlocks: []string{"10.1.0.0/16"}}
	require.NoError(t, env.Client.Update(t.Context(), w.cluster))
	_, err := w.tryReconcile()
	require.Error(t, err)
	condition := w.is(controlplanev1.ConfigurationAppliedCondition, metav1.ConditionFalse)
	assert.Contains(t, condition.Message, "podCIDR")
	assert.Contains(t, condition.Message, "10.1.0.0/16")
	assert.Equal(t, before.Data, w.secret("k0s-config").Data)
}

// TestReleaseChangesNothing: a renderer that renders something else leaves everything that runs as it is, says so, and
// comes to its turn with the user's next change.
func TestReleaseChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t).available()
	before := w.podSet()

	w.reconciler = newReconciler(env.Client, w.clock, w.hosted)
	w.reconciler.Renderer = desired.Renderer{
		PlacerImage: "registry.example.org/manager:v0.2.0", Env: []corev1.EnvVar{{Name: "NEW", Value: "1"}},
	}
	w.reconcile()
	after := w.podSet()
	assert.Equal(t, before.ResourceVersion, after.ResourceVersion, "nothing at all is written to it")
	told := w.is(controlplanev1.RollingOutCondition, metav1.ConditionFalse)
	assert.Contains(t, told.Message, "k0s")
	assert.Contains(t, told.Message, "until the spec changes")
	w.is(controlplanev1.AvailableCondition, metav1.ConditionTrue)
	versions := w.versions()
	w.reconcile()
	assert.Equal(t, versions, w.versions(), "and does not write again and again")

	// What others change is still set right.
	after.Spec.Replicas = new(int32(0))
	require.NoError(t, env.Client.Update(t.Context(), after))
	w.reconcile()
	assert.Equal(t, int32(1), *w.podSet().Spec.Replicas)

	w.change(func(c *controlplanev1.K0smotronControlPlane) { c.Spec.ControlPlaneFlags = []string{"--debug"} })
	w.reconcile()
	containers := w.podSet().Spec.Template.Spec
	assert.Equal(t, []corev1.EnvVar{{Name: "NEW", Value: "1"}}, containers.Containers[0].Env)
	assert.Equal(t, "registry.example.org/manager:v0.2.0", containers.InitContainers[0].Image)
}
