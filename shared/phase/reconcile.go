// SPDX-License-Identifier: Apache-2.0

package phase

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/conditions"
)

// Target is the object a reconcile is about.
type Target interface {
	client.Object
	conditions.Setter
}

// ObservedGenerationSetter is implemented by kinds whose status has observedGeneration.
type ObservedGenerationSetter interface {
	// SetObservedGeneration records the generation that the status describes.
	SetObservedGeneration(generation int64)
}

// StatusWriter writes the difference between two states of an object's status; apply.Applier is one.
type StatusWriter interface {
	// PatchStatus makes the status of the live object that of after. No difference: no request. A live object
	// newer than before is a conflict.
	PatchStatus(ctx context.Context, before, after client.Object) error
	// Settle waits, not for long, until reads show object at least in the version that it has here.
	Settle(ctx context.Context, object client.Object)
}

// Flow is a whole reconcile: its phases and the report at its end.
type Flow[S any] struct {
	// Phases run in order.
	Phases []Phase[S]
	// Report fills the status from the facts in the scope, without any read or write. It runs once after the last
	// phase that ran, also after an error. Optional.
	Report func(scope *S)
}

// Reconcile runs the flow and then patches target's status once, whatever the outcome. observedGeneration moves only
// when the pass had no error. An error of the patch is added to the error of the flow; an API conflict is neither:
// the pass is repeated soon with the newer object. A pass that wrote target ends when reads show it: events of what else
// was written start the next one earlier, and it would collide with this one.
func Reconcile[S any](
	ctx context.Context, status StatusWriter, target Target, scope *S, flow Flow[S],
) (result ctrl.Result, err error) {
	before, ok := target.DeepCopyObject().(client.Object)
	if !ok {
		return ctrl.Result{}, fmt.Errorf("copying %T: the copy is no client object", target)
	}
	result, err = Run(ctx, target, scope, flow.Phases...)
	if flow.Report != nil {
		flow.Report(scope)
	}
	if observed, has := target.(ObservedGenerationSetter); has && err == nil {
		observed.SetObservedGeneration(target.GetGeneration())
	}
	patchErr := patchStatus(ctx, status, before, target)
	if target.GetResourceVersion() != before.GetResourceVersion() {
		status.Settle(ctx, target)
	}
	if isConflict(patchErr) && err == nil {
		return ctrl.Result{RequeueAfter: conflictDelay}, nil
	}
	if err = errors.Join(err, patchErr); err != nil {
		return ctrl.Result{}, err
	}
	return result, nil
}

// patchStatus treats an object that has just lost its last finalizer as reported: nobody can read its status any more.
func patchStatus(ctx context.Context, status StatusWriter, before, target client.Object) error {
	err := status.PatchStatus(ctx, before, target)
	if apierrors.IsNotFound(err) && !target.GetDeletionTimestamp().IsZero() {
		return nil
	}
	return err
}
