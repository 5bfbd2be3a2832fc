// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

// Adopt makes owner the controller of an object that has none, or whose controller was owner under another UID or by
// another version of its API: what is restored from a backup keeps its name and gets a new UID, and Cluster API expects
// references to follow the version. It costs a request only then. An object with another controller is a
// *controllerutil.AlreadyOwnedError and is not changed.
func (a *Applier) Adopt(ctx context.Context, owner, object client.Object) error {
	gvk, err := apiutil.GVKForObject(owner, a.client.Scheme())
	if err != nil {
		return fmt.Errorf("adopting %s: %w", a.name(object), err)
	}
	controller := metav1.GetControllerOf(object)
	if controller != nil && isNow(*controller, gvk, owner) {
		return nil
	}
	return a.reown(ctx, object, func(to client.Object) error {
		to.SetOwnerReferences(slices.DeleteFunc(to.GetOwnerReferences(), func(ref metav1.OwnerReference) bool {
			return ref.Kind == gvk.Kind && ref.Name == owner.GetName() && groupOf(ref) == gvk.Group
		}))
		return a.own(owner, to)
	})
}

// AddOwner makes owner one of the owners of an object, beside those that it has, whoever they are: several Clusters may
// use one template, and it ends with the last of them. A reference to owner by another version of its API, or under the
// UID from before a restore, is replaced. It costs a request only when something changes.
func (a *Applier) AddOwner(ctx context.Context, owner, object client.Object) error {
	gvk, err := apiutil.GVKForObject(owner, a.client.Scheme())
	if err != nil {
		return fmt.Errorf("owning %s: %w", a.name(object), err)
	}
	if slices.ContainsFunc(object.GetOwnerReferences(), func(ref metav1.OwnerReference) bool {
		return isNow(ref, gvk, owner)
	}) {
		return nil
	}
	return a.reown(ctx, object, func(to client.Object) error {
		return controllerutil.SetOwnerReference(owner, to, a.client.Scheme())
	})
}

// reown writes the owners of an object as change makes them, if it is still as it was read.
func (a *Applier) reown(ctx context.Context, object client.Object, change func(to client.Object) error) error {
	from, err := a.header(object, object)
	if err != nil {
		return err
	}
	from.SetOwnerReferences(object.GetOwnerReferences())
	to := from.DeepCopy()
	if err := change(to); err != nil {
		return fmt.Errorf("owning %s: %w", a.name(object), err)
	}
	if err := a.client.Patch(ctx, to, lockedMerge(from), client.FieldOwner(a.fieldOwner)); err != nil {
		return fmt.Errorf("owning %s: %w", a.name(object), err)
	}
	object.SetOwnerReferences(to.GetOwnerReferences())
	follow(object, to)
	return nil
}

// isNow tells whether a reference is to owner as it is now, by the version of the API in use.
func isNow(ref metav1.OwnerReference, gvk schema.GroupVersionKind, owner client.Object) bool {
	return ref.UID == owner.GetUID() && ref.APIVersion == gvk.GroupVersion().String()
}

// groupOf is the API group of an owner, whatever the version.
func groupOf(ref metav1.OwnerReference) string {
	return schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind).Group
}
