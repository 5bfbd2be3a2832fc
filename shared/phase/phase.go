// SPDX-License-Identifier: Apache-2.0

// Package phase is the one flow that all reconcilers share.
//
// A reconcile is a list of named phases, run in order over one scope: the facts of this pass. A phase answers
// Continue, Done, or Wait(reason, message, after); or it returns an error. Nothing else produces a result.
//
//	Continue  the phase's outcome is reached, the next phase runs
//	Done      nothing is left to do in this pass
//	Wait      something outside must happen first: False on the phase's condition, the pass ends
//	error     the condition is written and the error returned, so that the queue backs off
//
// Reconcile adds the report around it: the status is patched once, at the end, also after an error.
package phase

import (
	"context"
	"errors"
	"fmt"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/k0smotron/k0smotron/shared/conditions"
)

// Phase is one named step of a reconcile.
type Phase[S any] struct {
	// Name is the outcome of the phase in lower camel case ("certificatesExist"); it appears in logs and errors.
	Name string
	// Condition is the type of the condition that a Wait or an error of this phase is written to. Empty: none.
	Condition string
	// TrueReason, when set, turns Condition True with this reason once the phase continues or is done. Leave it empty
	// where a later phase carries the same condition or where the report decides.
	TrueReason string
	// Run does the work of the phase on the scope.
	Run func(ctx context.Context, scope *S) (Outcome, error)
}

type kind int

const (
	kindContinue kind = iota
	kindDone
	kindWait
)

// Outcome is the answer of a phase. The zero value continues.
type Outcome struct {
	kind kind
	wait WaitError
}

// Continue lets the next phase run.
func Continue() Outcome { return Outcome{kind: kindContinue} }

// Done ends the pass: everything is as wanted, or the object is gone.
func Done() Outcome { return Outcome{kind: kindDone} }

// Wait ends the pass until something outside has happened. The message names what is awaited and, where a user must
// act, the fix; it must be stable: no times, counters or resource versions. after is when to look again; 0 means that a
// watch wakes the object.
func Wait(reason, message string, after time.Duration) Outcome {
	return Outcome{kind: kindWait, wait: WaitError{Reason: reason, Message: message, After: after}}
}

// Run runs the phases in order until one ends the pass. target gets the conditions.
func Run[S any](
	ctx context.Context, target conditions.Setter, scope *S, phases ...Phase[S],
) (ctrl.Result, error) {
	for _, p := range phases {
		outcome, err := p.Run(ctx, scope)
		if err != nil {
			var wait *WaitError
			if !errors.As(err, &wait) {
				return failed(ctx, target, p.head(), err)
			}
			outcome = Outcome{kind: kindWait, wait: *wait}
		}
		if outcome.kind == kindWait {
			return waiting(ctx, target, p.head(), outcome.wait), nil
		}
		if p.Condition != "" && p.TrueReason != "" {
			conditions.True(target, p.Condition, p.TrueReason, "")
		}
		if outcome.kind == kindDone {
			break
		}
	}
	return ctrl.Result{}, nil
}

// head is what the outcome of a phase is reported under.
type head struct{ name, condition string }

func (p Phase[S]) head() head { return head{name: p.Name, condition: p.Condition} }

func waiting(ctx context.Context, target conditions.Setter, p head, wait WaitError) ctrl.Result {
	ctrl.LoggerFrom(ctx).V(2).Info("Waiting", "phase", p.name, "reason", wait.Reason, "message", wait.Message)
	if p.condition != "" {
		conditions.False(target, p.condition, wait.Reason, wait.Message)
	}
	return ctrl.Result{RequeueAfter: wait.After}
}

func failed(ctx context.Context, target conditions.Setter, p head, err error) (ctrl.Result, error) {
	switch {
	case isConflict(err):
		ctrl.LoggerFrom(ctx).V(2).Info("Object changed meanwhile, trying again", "phase", p.name, "error", err.Error())
		return ctrl.Result{RequeueAfter: conflictDelay}, nil
	case ctx.Err() != nil:
		// The manager stops: this says nothing about the object.
		return ctrl.Result{}, fmt.Errorf("%s: %w", p.name, err)
	}
	if p.condition != "" {
		writeError(target, p.condition, err)
	}
	return ctrl.Result{}, fmt.Errorf("%s: %w", p.name, err)
}
