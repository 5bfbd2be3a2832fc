// SPDX-License-Identifier: Apache-2.0

package phase_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// target is a kind with observedGeneration.
type target struct{ clusterv1.Cluster }

func (o *target) SetObservedGeneration(generation int64) { o.Status.ObservedGeneration = generation }

// statusWriter remembers what it was asked to write, and to wait for.
type statusWriter struct {
	err           error
	calls         int
	before, after client.Object
	// version is what a write makes of the object's.
	version string
	settled []string
}

func (w *statusWriter) PatchStatus(_ context.Context, before, after client.Object) error {
	w.calls++
	w.before, w.after = before, after
	if w.version != "" {
		after.SetResourceVersion(w.version)
	}
	return w.err
}

func (w *statusWriter) Settle(_ context.Context, object client.Object) {
	w.settled = append(w.settled, object.GetResourceVersion())
}

func newTarget() *target {
	return &target{Cluster: clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: "tiger", Generation: 7}}}
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	broken, patchBroken := errors.New("boom"), errors.New("no status")
	gone := apierrors.NewNotFound(schema.GroupResource{Resource: "clusters"}, "tiger")
	cases := map[string]struct {
		reason   string
		outcome  phase.Outcome
		err      error
		patchErr error
		deleting bool

		wantResult   ctrl.Result
		wantErrs     []error
		wantObserved int64
	}{
		"Success": {
			reason: "the generation is observed", outcome: phase.Continue(), wantObserved: 7,
		},
		"Wait": {
			reason:  "waiting is success",
			outcome: phase.Wait("Why", "waiting", time.Minute), wantResult: ctrl.Result{RequeueAfter: time.Minute},
			wantObserved: 7,
		},
		"Error": {
			reason: "the status is written also on error, the generation is not observed",
			err:    broken, wantErrs: []error{broken},
		},
		"PatchFails": {
			reason:   "result or error, never both",
			outcome:  phase.Wait("Why", "waiting", time.Minute),
			patchErr: patchBroken, wantErrs: []error{patchBroken}, wantObserved: 7,
		},
		"BothFail": {
			reason: "no error hides the other",
			err:    broken, patchErr: patchBroken, wantErrs: []error{broken, patchBroken},
		},
		"PatchConflict": {
			reason:   "somebody changed the object: try again quietly",
			outcome:  phase.Continue(),
			patchErr: conflict(), wantResult: ctrl.Result{RequeueAfter: time.Second}, wantObserved: 7,
		},
		"PatchConflictAfterError": {
			reason: "the error decides",
			err:    broken, patchErr: conflict(), wantErrs: []error{broken},
		},
		"GoneAfterLastFinalizer": {
			reason:  "nobody can read the status any more",
			outcome: phase.Done(), deleting: true, patchErr: gone, wantObserved: 7,
		},
		"GoneUnexpectedly": {
			reason:  "an object that nobody deleted must be there",
			outcome: phase.Done(), patchErr: gone, wantErrs: []error{gone}, wantObserved: 7,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			object, s, writer := newTarget(), &scope{}, &statusWriter{err: tc.patchErr}
			if tc.deleting {
				object.DeletionTimestamp = new(metav1.Now())
			}
			result, err := phase.Reconcile(t.Context(), writer, object, s, phase.Flow[scope]{
				Phases: []phase.Phase[scope]{answer("a", tc.outcome, tc.err)},
				Report: func(s *scope) { s.mark("report") },
			})

			for _, want := range tc.wantErrs {
				require.ErrorIs(t, err, want, tc.reason)
			}
			if len(tc.wantErrs) == 0 {
				require.NoError(t, err, tc.reason)
			}
			assert.Equal(t, tc.wantResult, result, tc.reason)
			assert.Equal(t, tc.wantObserved, object.Status.ObservedGeneration, tc.reason)
			assert.Equal(t, 1, writer.calls, "the status is patched once, whatever happens")
			assert.Equal(t, []string{"a", "report"}, s.ran)
		})
	}
}

func TestReconcileComparesWithTheStateBeforeThePass(t *testing.T) {
	t.Parallel()
	object, writer := newTarget(), &statusWriter{}
	_, err := phase.Reconcile(t.Context(), writer, object, &scope{}, phase.Flow[scope]{
		Phases: []phase.Phase[scope]{answer("a", phase.Wait("Why", "waiting", 0), nil)},
	})
	require.NoError(t, err)
	before, ok := writer.before.(conditions.Getter)
	require.True(t, ok)
	assert.Empty(t, before.GetConditions())
	assert.Same(t, object, writer.after)
	assert.NotEmpty(t, object.GetConditions())
}

func TestReconcileEndsWhenReadsShowWhatItWrote(t *testing.T) {
	t.Parallel()
	object, idle := newTarget(), &statusWriter{}
	object.ResourceVersion = "7"
	flow := phase.Flow[scope]{Phases: []phase.Phase[scope]{answer("a", phase.Continue(), nil)}}
	_, err := phase.Reconcile(t.Context(), idle, object, &scope{}, flow)
	require.NoError(t, err)
	assert.Empty(t, idle.settled, "nothing was written")

	writing := &statusWriter{version: "8"}
	_, err = phase.Reconcile(t.Context(), writing, object, &scope{}, flow)
	require.NoError(t, err)
	assert.Equal(t, []string{"8"}, writing.settled)
}

func TestReconcileSettlesWhatAPhaseWrote(t *testing.T) {
	t.Parallel()
	object, writer := newTarget(), &statusWriter{err: conflict()}
	writes := phase.Phase[scope]{Name: "writes", Run: func(context.Context, *scope) (phase.Outcome, error) {
		object.SetResourceVersion("9")
		return phase.Outcome{}, errors.New("boom")
	}}
	flow := phase.Flow[scope]{Phases: []phase.Phase[scope]{writes}}
	_, err := phase.Reconcile(t.Context(), writer, object, &scope{}, flow)
	require.Error(t, err)
	assert.Equal(t, []string{"9"}, writer.settled, "also when the pass fails")
}
