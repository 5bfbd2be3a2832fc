// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// holdDelay is the pause until a held pass is tried again, where no event tells that it is worth it.
const holdDelay = 15 * time.Second

// runPhase is what a phase does.
type runPhase = func(ctx context.Context, s *scope) (phase.Outcome, error)

// holding lets a pass go on without what is needed only to make Machines, once the cluster has been up: its controllers
// are looked at, told and let go as ever. What is missing is told in condition, and no Machine is made or replaced.
func holding(condition string, run runPhase) runPhase {
	return func(ctx context.Context, s *scope) (phase.Outcome, error) {
		outcome, err := run(ctx, s)
		hold, known := holdBy(err)
		if !known || s.deleting() || !s.everInitialized() {
			return outcome, err
		}
		if condition != "" {
			conditions.False(s.controlPlane, condition, hold.Reason, hold.Message)
		}
		s.hold(hold)
		return phase.Continue(), nil
	}
}

// telling lets the report of a pass that a phase ends with an error say so. A conflict says nothing: it is repeated at once.
func telling(run runPhase) runPhase {
	return func(ctx context.Context, s *scope) (phase.Outcome, error) {
		outcome, err := run(ctx, s)
		_, waits := errors.AsType[*phase.WaitError](err)
		if err != nil && !waits && !apierrors.IsConflict(err) && ctx.Err() == nil {
			s.failure = phase.StableMessage(err)
		}
		return outcome, err
	}
}

// holdBy is what an error says that has been thought of; any other error ends the pass.
func holdBy(err error) (phase.WaitError, bool) {
	if wait, waits := errors.AsType[*phase.WaitError](err); waits {
		return *wait, true
	}
	if failure, failed := errors.AsType[*phase.FailureError](err); failed {
		return phase.WaitError{Reason: failure.Reason, Message: phase.StableMessage(err), After: holdDelay}, true
	}
	return phase.WaitError{}, false
}

func (s *scope) hold(hold phase.WaitError) {
	s.trouble = append(s.trouble, hold.Message)
	s.lookAfter(hold.After)
}

// isHeld tells that no Machine can be made.
func (s *scope) isHeld() bool { return len(s.trouble) > 0 }

// isRefusal tells that an API server has understood a write and does not want it: the same write fails again.
func isRefusal(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsForbidden(err)
}
