// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Create writes an object that must never be overwritten, with owner (which may be nil) as its controller. When the
// name is taken the error is ErrExists and nothing is changed: the caller reads what is there. On success object holds
// the live state.
func (a *Applier) Create(ctx context.Context, owner, object client.Object) error {
	if err := a.own(owner, object); err != nil {
		return err
	}
	err := a.client.Create(ctx, object, client.FieldOwner(a.fieldOwner))
	if apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating %s: %w", a.name(object), ErrExists)
	}
	if err != nil {
		return fmt.Errorf("creating %s: %w", a.name(object), err)
	}
	return nil
}

// Delete deletes exactly this object: one of the same name but another UID is left alone. An object that is gone, is
// nil, or is being deleted already costs no request and is no error.
func (a *Applier) Delete(ctx context.Context, object client.Object) error {
	if isNil(object) || !object.GetDeletionTimestamp().IsZero() {
		return nil
	}
	var options []client.DeleteOption
	if uid := object.GetUID(); uid != "" {
		options = append(options, client.Preconditions{UID: &uid})
	}
	options = append(options, client.PropagationPolicy(metav1.DeletePropagationBackground))
	if err := client.IgnoreNotFound(a.client.Delete(ctx, object, options...)); err != nil {
		return fmt.Errorf("deleting %s: %w", a.name(object), err)
	}
	return nil
}

// Prune deletes what is no longer wanted: objects of the listed kinds in owner's namespace that owner controls, that
// this field owner has applied, and that are not in keep. Objects that were created by Create, or by anybody else, stay.
// kinds are empty lists of the kinds that owner may have children of.
func (a *Applier) Prune(
	ctx context.Context, owner client.Object, keep []client.Object, kinds ...client.ObjectList,
) error {
	for _, list := range kinds {
		if err := a.client.List(ctx, list, client.InNamespace(owner.GetNamespace())); err != nil {
			return fmt.Errorf("listing children of %s: %w", owner.GetName(), err)
		}
		unwanted, err := a.unwanted(owner, keep, list)
		if err != nil {
			return err
		}
		for _, object := range unwanted {
			if err := a.Delete(ctx, object); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *Applier) unwanted(
	owner client.Object, keep []client.Object, list client.ObjectList,
) ([]client.Object, error) {
	wanted := make(map[string]bool, len(keep))
	for _, object := range keep {
		if !isNil(object) {
			wanted[a.name(object)] = true
		}
	}
	var unwanted []client.Object
	err := meta.EachListItem(list, func(item runtime.Object) error {
		object, ok := item.(client.Object)
		if ok && a.applied(object, owner.GetUID()) && !wanted[a.name(object)] {
			unwanted = append(unwanted, object)
		}
		return nil
	})
	return unwanted, err
}

func (a *Applier) applied(object client.Object, owner types.UID) bool {
	controller := metav1.GetControllerOfNoCopy(object)
	_, marked := object.GetAnnotations()[Annotation(a.fieldOwner)]
	return marked && controller != nil && controller.UID == owner
}

// name is "<kind> <name>", for errors and as a key among the objects of one namespace.
func (a *Applier) name(object client.Object) string {
	gvk, err := apiutil.GVKForObject(object, a.client.Scheme())
	if err != nil {
		return fmt.Sprintf("%T %s", object, object.GetName())
	}
	return gvk.Kind + " " + object.GetName()
}
