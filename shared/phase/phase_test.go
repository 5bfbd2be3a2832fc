// SPDX-License-Identifier: Apache-2.0

package phase_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// scope records which phases ran.
type scope struct{ ran []string }

func (s *scope) mark(name string) { s.ran = append(s.ran, name) }

// answer is a phase that gives the same answer every time.
func answer(name string, outcome phase.Outcome, err error) phase.Phase[scope] {
	return phase.Phase[scope]{
		Name: name, Condition: "Ready",
		Run: func(_ context.Context, s *scope) (phase.Outcome, error) {
			s.mark(name)
			return outcome, err
		},
	}
}

func conflict() error {
	return apierrors.NewConflict(schema.GroupResource{Resource: "secrets"}, "a", errors.New("newer"))
}

func TestRun(t *testing.T) {
	t.Parallel()
	broken := errors.New("boom")
	cases := map[string]struct {
		reason    string
		phases    []phase.Phase[scope]
		ran       []string
		result    ctrl.Result
		err       error
		condition *metav1.Condition
	}{
		"NoPhases": {reason: "an empty flow is done"},
		"AllContinue": {
			reason: "without TrueReason a phase writes no condition",
			phases: []phase.Phase[scope]{answer("a", phase.Continue(), nil), answer("b", phase.Outcome{}, nil)},
			ran:    []string{"a", "b"},
		},
		"DoneEnds": {
			reason: "nothing runs after Done",
			phases: []phase.Phase[scope]{answer("a", phase.Done(), nil), answer("b", phase.Continue(), nil)},
			ran:    []string{"a"},
		},
		"WaitEnds": {
			reason: "a Wait writes False and says when to look again",
			phases: []phase.Phase[scope]{
				answer("a", phase.Wait("Why", "waiting for x", time.Minute), nil), answer("b", phase.Continue(), nil),
			},
			ran:       []string{"a"},
			result:    ctrl.Result{RequeueAfter: time.Minute},
			condition: &metav1.Condition{Status: metav1.ConditionFalse, Reason: "Why", Message: "waiting for x"},
		},
		"WaitWithoutTimeLeavesItToAWatch": {
			reason:    "no time means no requeue",
			phases:    []phase.Phase[scope]{answer("a", phase.Wait("Why", "waiting for x", 0), nil)},
			ran:       []string{"a"},
			condition: &metav1.Condition{Status: metav1.ConditionFalse, Reason: "Why", Message: "waiting for x"},
		},
		"WaitErrorIsAWait": {
			reason: "functions below a phase can wait, also wrapped",
			phases: []phase.Phase[scope]{
				answer("a", phase.Continue(), fmt.Errorf("deep: %w", phase.Waiting("Why", "waiting for x", time.Second))),
			},
			ran:       []string{"a"},
			result:    ctrl.Result{RequeueAfter: time.Second},
			condition: &metav1.Condition{Status: metav1.ConditionFalse, Reason: "Why", Message: "waiting for x"},
		},
		"ErrorIsUnknown": {
			reason: "our own failure is no evidence about the object",
			phases: []phase.Phase[scope]{answer("a", phase.Continue(), broken), answer("b", phase.Continue(), nil)},
			ran:    []string{"a"},
			err:    broken,
			condition: &metav1.Condition{
				Status: metav1.ConditionUnknown, Reason: phase.InternalError, Message: "boom",
			},
		},
		"FailureIsFalse": {
			reason:    "evidence counts at once",
			phases:    []phase.Phase[scope]{answer("a", phase.Continue(), phase.Failure("BadCA", broken))},
			ran:       []string{"a"},
			err:       broken,
			condition: &metav1.Condition{Status: metav1.ConditionFalse, Reason: "BadCA", Message: "boom"},
		},
		"ConflictIsQuiet": {
			reason: "a newer object is normal: no condition, no error, a new pass soon",
			phases: []phase.Phase[scope]{answer("a", phase.Continue(), fmt.Errorf("applying: %w", conflict()))},
			ran:    []string{"a"},
			result: ctrl.Result{RequeueAfter: time.Second},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, s := &clusterv1.Cluster{}, &scope{}
			result, err := phase.Run(t.Context(), target, s, tc.phases...)

			require.ErrorIs(t, err, tc.err, tc.reason)
			assert.Equal(t, tc.result, result, tc.reason)
			assert.Equal(t, tc.ran, s.ran, tc.reason)
			assertCondition(t, tc.condition, conditions.Get(target, "Ready"))
		})
	}
}

func assertCondition(t *testing.T, want, got *metav1.Condition) {
	t.Helper()
	if want == nil {
		assert.Nil(t, got)
		return
	}
	require.NotNil(t, got)
	assert.Equal(t, want.Status, got.Status)
	assert.Equal(t, want.Reason, got.Reason)
	assert.Equal(t, want.Message, got.Message)
}

func TestRunNamesThePhaseInErrors(t *testing.T) {
	t.Parallel()
	_, err := phase.Run(t.Context(), &clusterv1.Cluster{}, &scope{},
		answer("certificatesExist", phase.Continue(), errors.New("boom")))
	assert.EqualError(t, err, "certificatesExist: boom")
}

func TestTrueReasonTurnsTheConditionTrue(t *testing.T) {
	t.Parallel()
	for name, outcome := range map[string]phase.Outcome{"Continue": phase.Continue(), "Done": phase.Done()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := &clusterv1.Cluster{}
			conditions.False(target, "Ready", "Before", "was not")
			p := answer("a", outcome, nil)
			p.TrueReason = "Ready"
			_, err := phase.Run(t.Context(), target, &scope{}, p)
			require.NoError(t, err)
			assertCondition(t, &metav1.Condition{Status: metav1.ConditionTrue, Reason: "Ready"},
				conditions.Get(target, "Ready"))
		})
	}
}

func TestConditionlessPhasesWriteNothing(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]phase.Phase[scope]{
		"Wait":  answer("a", phase.Wait("Why", "waiting", 0), nil),
		"Error": answer("a", phase.Continue(), errors.New("boom")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p.Condition = ""
			target := &clusterv1.Cluster{}
			_, _ = phase.Run(t.Context(), target, &scope{}, p)
			assert.Empty(t, target.GetConditions())
		})
	}
}

func TestStoppingManagerLeavesConditionsAlone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	target := &clusterv1.Cluster{}
	_, err := phase.Run(ctx, target, &scope{}, answer("a", phase.Continue(), context.Canceled))
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, target.GetConditions())
}
