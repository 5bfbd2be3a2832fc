// SPDX-License-Identifier: Apache-2.0

package phase

import (
	"errors"
	"regexp"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/k0smotron/k0smotron/shared/conditions"
)

// InternalError is the reason of a condition that is Unknown because our own work failed.
const InternalError = "InternalError"

// conflictDelay gives the cache time to deliver the version that we collided with.
const conflictDelay = time.Second

// WaitError is a Wait in the shape of an error, for functions below a phase: Run treats it like the outcome Wait.
type WaitError struct {
	// Reason is CamelCase, for machines.
	Reason string
	// Message tells a user what is awaited and the fix.
	Message string
	// After is when to look again; 0 means that a watch wakes the object.
	After time.Duration
}

// Error makes WaitError an error.
func (e *WaitError) Error() string { return e.Message }

// Waiting returns a WaitError.
func Waiting(reason, message string, after time.Duration) error {
	return &WaitError{Reason: reason, Message: message, After: after}
}

// FailureError is an error that is evidence against the phase's condition: it turns False with Reason, instead of
// Unknown with InternalError.
type FailureError struct {
	// Reason is CamelCase, for machines.
	Reason string
	err    error
}

// Error is the message of the wrapped error.
func (e *FailureError) Error() string { return e.err.Error() }

// Unwrap returns the wrapped error.
func (e *FailureError) Unwrap() error { return e.err }

// Failure marks err as evidence against the condition of the phase that returns it. nil stays nil.
func Failure(reason string, err error) error {
	if err == nil {
		return nil
	}
	return &FailureError{Reason: reason, err: err}
}

// StableMessage is the text of err without what changes from try to try: local ports, times, UIDs, resource versions. A
// condition that carried them would flap, and every flap would be a write and an event.
func StableMessage(err error) string {
	message := err.Error()
	for _, v := range volatile() {
		message = regexp.MustCompile(v.pattern).ReplaceAllString(message, v.with)
	}
	return message
}

type replacement struct{ pattern, with string }

// volatile are the parts of error texts that differ from try to try though nothing has changed.
func volatile() []replacement {
	return []replacement{
		{`\b(read|write|dial) (tcp|udp) \S+->(\S+?):?( |$)`, "$1 $2 $3:$4"},
		{`current time \S+ is (after|before) \S+`, "current time is $1 the limit"},
		{`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( ?(Z|UTC|[+-]\d\d:?\d\d))*`, "<time>"},
		{`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`, "<uid>"},
		{`(?i)resource ?version:? "?\d+"?`, "resourceVersion <n>"},
		{`0x[0-9a-f]{6,}`, "<address>"},
	}
}

func isConflict(err error) bool { return apierrors.IsConflict(err) }

func writeError(target conditions.Setter, conditionType string, err error) {
	if failure, ok := errors.AsType[*FailureError](err); ok {
		conditions.False(target, conditionType, failure.Reason, StableMessage(err))
		return
	}
	conditions.Unknown(target, conditionType, InternalError, StableMessage(err))
}
