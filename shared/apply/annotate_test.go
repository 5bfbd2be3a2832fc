// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/k0smotron/k0smotron/shared/conditions"
)

const note = "k0smotron.io/note"

func TestAnnotateWritesOnce(t *testing.T) {
	applier, writes := counted()
	cluster := newCluster(t)
	conditions.False(cluster, "NotYet", "Written", "kept in memory for the report")

	require.NoError(t, applier.Annotate(t.Context(), cluster, note, "a"))
	require.NoError(t, applier.Annotate(t.Context(), cluster, note, "a"))
	assert.EqualValues(t, 1, writes.Load(), "no difference, no request")
	assert.NotNil(t, conditions.Get(cluster, "NotYet"), "the unwritten status survives")
	live := cluster.DeepCopy()
	env.Get(t, live)
	assert.Equal(t, "a", live.Annotations[note])
	assert.Equal(t, live.ResourceVersion, cluster.ResourceVersion)

	require.NoError(t, applier.Annotate(t.Context(), cluster, "other", "b"))
	require.NoError(t, applier.RemoveAnnotation(t.Context(), cluster, note))
	require.NoError(t, applier.RemoveAnnotation(t.Context(), cluster, note))
	assert.EqualValues(t, 3, writes.Load())
	env.Get(t, live)
	assert.Equal(t, map[string]string{"other": "b"}, live.Annotations)
}

func TestAnnotateConflictsWithANewerObject(t *testing.T) {
	applier, _ := counted()
	cluster := newCluster(t)
	stale := cluster.DeepCopy()
	require.NoError(t, applier.Annotate(t.Context(), cluster, note, "a"))

	assert.True(t, apierrors.IsConflict(applier.Annotate(t.Context(), stale, note, "b")))
	assert.Empty(t, stale.Annotations, "what was not written is not there")
}

func TestAnnotationsOfWhatIsGone(t *testing.T) {
	applier, _ := counted()
	cluster := newCluster(t)
	require.NoError(t, applier.Annotate(t.Context(), cluster, note, "a"))
	gone := cluster.DeepCopy()
	require.NoError(t, env.Client.Delete(t.Context(), cluster))
	require.NoError(t, applier.RemoveAnnotation(t.Context(), gone, note))
	assert.Error(t, applier.Annotate(t.Context(), gone, note, "b"), "what is to be recorded must be there")
}
