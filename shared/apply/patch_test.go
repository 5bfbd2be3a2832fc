// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

func newCluster(t *testing.T) *clusterv1.Cluster {
	t.Helper()
	cluster := testenv.Cluster(env.Namespace(t))
	env.Create(t, cluster)
	return cluster
}

func TestPatchStatusWritesTheDifferenceOnce(t *testing.T) {
	applier, writes := counted()
	cluster := newCluster(t)
	before := cluster.DeepCopy()
	conditions.True(cluster, "Available", "Available", "")
	cluster.Status.Initialization.ControlPlaneInitialized = new(true)
	cluster.Spec.Paused = new(true)
	cluster.Labels = map[string]string{"not": "status"}

	require.NoError(t, applier.PatchStatus(t.Context(), before, cluster))
	require.EqualValues(t, 1, writes.Load())
	live := cluster.DeepCopy()
	env.Get(t, live)
	assert.Equal(t, live.ResourceVersion, cluster.ResourceVersion)
	assert.True(t, conditions.IsTrue(live, "Available"))
	assert.True(t, *live.Status.Initialization.ControlPlaneInitialized)
	assert.Nil(t, live.Spec.Paused, "only the status is written")
	assert.Empty(t, live.Labels)

	require.NoError(t, applier.PatchStatus(t.Context(), cluster.DeepCopy(), cluster))
	assert.EqualValues(t, 1, writes.Load(), "no difference, no request")
}

func TestPatchStatusRemovesFields(t *testing.T) {
	applier, _ := counted()
	cluster := newCluster(t)
	before := cluster.DeepCopy()
	cluster.Status.Phase = "Provisioned"
	conditions.True(cluster, "A", "A", "")
	require.NoError(t, applier.PatchStatus(t.Context(), before, cluster))

	before = cluster.DeepCopy()
	cluster.Status.Phase = ""
	cluster.SetConditions(nil)
	require.NoError(t, applier.PatchStatus(t.Context(), before, cluster))

	env.Get(t, cluster)
	assert.Empty(t, cluster.Status.Phase)
	assert.Empty(t, cluster.Status.Conditions)
}

func TestPatchesConflictWithANewerObject(t *testing.T) {
	applier, _ := counted()
	cluster := newCluster(t)
	stale := cluster.DeepCopy()
	cluster.Labels = map[string]string{"newer": "yes"}
	require.NoError(t, env.Client.Update(t.Context(), cluster))

	changed := stale.DeepCopy()
	changed.Status.Phase = "Provisioned"
	changed.Spec.ControlPlaneEndpoint = clusterv1.APIEndpoint{Host: "a", Port: 1}

	assert.True(t, apierrors.IsConflict(applier.PatchStatus(t.Context(), stale, changed)))
	assert.True(t, apierrors.IsConflict(applier.PatchSpec(t.Context(), stale, changed)))
	assert.True(t, apierrors.IsConflict(applier.EnsureFinalizer(t.Context(), stale, "a.b/c")))
}

func TestPatchSpecFillsTheEndpoint(t *testing.T) {
	applier, writes := counted()
	cluster := newCluster(t)
	conditions.False(cluster, "NotYet", "Written", "kept in memory for the report")
	before := cluster.DeepCopy()
	cluster.Spec.ControlPlaneEndpoint = clusterv1.APIEndpoint{Host: "10.0.0.1", Port: 6443}

	require.NoError(t, applier.PatchSpec(t.Context(), before, cluster))
	assert.EqualValues(t, 1, writes.Load())
	assert.NotNil(t, conditions.Get(cluster, "NotYet"), "the unwritten status survives")
	live := cluster.DeepCopy()
	env.Get(t, live)
	assert.Equal(t, "10.0.0.1", live.Spec.ControlPlaneEndpoint.Host)
	assert.Equal(t, live.Generation, cluster.Generation)
	assert.Empty(t, live.Status.Conditions)

	statusBefore := before.DeepCopy()
	statusBefore.Status = clusterv1.ClusterStatus{}
	require.NoError(t, applier.PatchStatus(t.Context(), statusBefore, cluster), "the pass goes on with the new version")
}

func TestPatchSpecSetsANodesProviderID(t *testing.T) {
	applier, writes := counted()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{GenerateName: "node-"}}
	env.Create(t, node)
	before := node.DeepCopy()
	node.Spec.ProviderID = "test:///1"

	require.NoError(t, applier.PatchSpec(t.Context(), before, node))
	require.NoError(t, applier.PatchSpec(t.Context(), node.DeepCopy(), node))

	assert.EqualValues(t, 1, writes.Load())
	env.Get(t, node)
	assert.Equal(t, "test:///1", node.Spec.ProviderID)
}

func TestPatchRefusesTwoObjects(t *testing.T) {
	applier, writes := counted()
	one, two := testenv.Cluster("a"), testenv.Cluster("b")
	require.ErrorContains(t, applier.PatchSpec(t.Context(), one, two), "two different objects")
	assert.Zero(t, writes.Load())
}

func TestFinalizers(t *testing.T) {
	const ours = "k0smotron.io/test"
	applier, writes := counted()
	cluster := newCluster(t)
	cluster.Finalizers = []string{"example.com/theirs"}
	require.NoError(t, env.Client.Update(t.Context(), cluster))

	for range 2 {
		require.NoError(t, applier.EnsureFinalizer(t.Context(), cluster, ours))
	}
	assert.EqualValues(t, 1, writes.Load())
	env.Get(t, cluster)
	assert.Equal(t, []string{"example.com/theirs", ours}, cluster.Finalizers)

	require.NoError(t, env.Client.Delete(t.Context(), cluster))
	env.Get(t, cluster)
	require.NoError(t, applier.EnsureFinalizer(t.Context(), cluster, "k0smotron.io/late"))
	assert.EqualValues(t, 1, writes.Load(), "an object that is leaving gets no finalizer")

	for range 2 {
		require.NoError(t, applier.RemoveFinalizer(t.Context(), cluster, ours))
	}
	assert.EqualValues(t, 2, writes.Load())
	env.Get(t, cluster)
	assert.Equal(t, []string{"example.com/theirs"}, cluster.Finalizers)

	stale := cluster.DeepCopy()
	require.NoError(t, applier.RemoveFinalizer(t.Context(), cluster, "example.com/theirs"))
	require.False(t, exists(t, cluster))
	require.NoError(t, applier.RemoveFinalizer(t.Context(), stale, "example.com/theirs"), "gone is fine")
}
