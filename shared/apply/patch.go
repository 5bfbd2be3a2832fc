// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

// PatchStatus makes the live status that of after, given that it was that of before. No difference: no request. The
// patch holds only what differs and is bound to after's resourceVersion: a newer live object is a conflict, as the
// status was computed from facts that no longer hold. after gets the new resourceVersion and nothing else.
func (a *Applier) PatchStatus(ctx context.Context, before, after client.Object) error {
	from, to, err := a.sections(before, after, "status")
	if err != nil || reflect.DeepEqual(from.Object, to.Object) {
		return err
	}
	err = a.client.Status().Patch(ctx, to, lockedMerge(from), client.FieldOwner(a.fieldOwner))
	if err != nil {
		return fmt.Errorf("patching status of %s: %w", a.name(after), err)
	}
	after.SetResourceVersion(to.GetResourceVersion())
	return nil
}

// PatchSpec writes the difference between two specs of one object, for the few fields of a spec that the contract lets a
// provider fill (spec.controlPlaneEndpoint, a Node's spec.providerID). No difference: no request. The patch is bound
// to after's resourceVersion. Metadata and status are not looked at; after gets the new resourceVersion and generation.
func (a *Applier) PatchSpec(ctx context.Context, before, after client.Object) error {
	from, to, err := a.sections(before, after, "spec")
	if err != nil || reflect.DeepEqual(from.Object, to.Object) {
		return err
	}
	if err := a.client.Patch(ctx, to, lockedMerge(from), client.FieldOwner(a.fieldOwner)); err != nil {
		return fmt.Errorf("patching spec of %s: %w", a.name(after), err)
	}
	follow(after, to)
	return nil
}

// EnsureFinalizer adds a finalizer. It costs a request only when it is missing; object then gets the new
// resourceVersion. An object that is being deleted gets no new finalizer.
func (a *Applier) EnsureFinalizer(ctx context.Context, object client.Object, finalizer string) error {
	if controllerutil.ContainsFinalizer(object, finalizer) || !object.GetDeletionTimestamp().IsZero() {
		return nil
	}
	return a.patchFinalizers(ctx, object, append(slices.Clone(object.GetFinalizers()), finalizer))
}

// RemoveFinalizer removes a finalizer. It costs a request only when it is there; an object that is gone is no error.
func (a *Applier) RemoveFinalizer(ctx context.Context, object client.Object, finalizer string) error {
	if !controllerutil.ContainsFinalizer(object, finalizer) {
		return nil
	}
	rest := slices.DeleteFunc(slices.Clone(object.GetFinalizers()), func(f string) bool { return f == finalizer })
	return client.IgnoreNotFound(a.patchFinalizers(ctx, object, rest))
}

func (a *Applier) patchFinalizers(ctx context.Context, object client.Object, finalizers []string) error {
	from, err := a.header(object, object)
	if err != nil {
		return err
	}
	from.SetFinalizers(object.GetFinalizers())
	to := from.DeepCopy()
	to.SetFinalizers(finalizers)
	if err := a.client.Patch(ctx, to, lockedMerge(from), client.FieldOwner(a.fieldOwner)); err != nil {
		return fmt.Errorf("patching finalizers of %s: %w", a.name(object), err)
	}
	object.SetFinalizers(finalizers)
	follow(object, to)
	return nil
}

// sections cuts both states down to one field, under the identity of after.
func (a *Applier) sections(before, after client.Object, field string) (from, to *unstructured.Unstructured, err error) {
	from, err = a.header(before, after)
	if err != nil {
		return nil, nil, err
	}
	to = from.DeepCopy()
	if err := copyField(before, from, field); err != nil {
		return nil, nil, err
	}
	return from, to, copyField(after, to, field)
}

func (a *Applier) header(before, after client.Object) (*unstructured.Unstructured, error) {
	gvk, err := apiutil.GVKForObject(after, a.client.Scheme())
	if err != nil {
		return nil, fmt.Errorf("patching %T: %w", after, err)
	}
	if client.ObjectKeyFromObject(before) != client.ObjectKeyFromObject(after) {
		return nil, fmt.Errorf("patching %s: states of two different objects", a.name(after))
	}
	header := &unstructured.Unstructured{Object: map[string]any{}}
	header.SetGroupVersionKind(gvk)
	header.SetNamespace(after.GetNamespace())
	header.SetName(after.GetName())
	header.SetResourceVersion(after.GetResourceVersion())
	return header, nil
}

func copyField(from client.Object, to *unstructured.Unstructured, field string) error {
	fields, err := content(from)
	if err != nil {
		return err
	}
	if value, ok := fields[field]; ok {
		to.Object[field] = runtime.DeepCopyJSONValue(value)
	}
	return nil
}

// lockedMerge is the merge patch from a state, bound to its resourceVersion.
func lockedMerge(from client.Object) client.Patch {
	return client.MergeFromWithOptions(from, client.MergeFromWithOptimisticLock{})
}

// follow lets an object go on under the version that a patch made of it, without taking over anything else: the caller
// may hold a status that is not written yet.
func follow(object, written client.Object) {
	object.SetResourceVersion(written.GetResourceVersion())
	object.SetGeneration(written.GetGeneration())
}
