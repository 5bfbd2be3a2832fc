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

// Adopt makes owner the controller of an object that has none, or whose controller was owner under another UID: what is
// restored from a backup keeps its name and gets a new UID. It costs a request only then. An object with another
// controller is a *controllerutil.AlreadyOwnedError and is not changed.
func (a *Applier) Adopt(ctx context.Context, owner, object client.Object) error {
	if metav1.IsControlledBy(object, owner) {
		return nil
	}
	gvk, err := apiutil.GVKForObject(owner, a.client.Scheme())
	if err != nil {
		return fmt.Errorf("adopting %s: %w", a.name(object), err)
	}
	from, err := a.header(object, object)
	if err != nil {
		return err
	}
	from.SetOwnerReferences(object.GetOwnerReferences())
	to := from.DeepCopy()
	to.SetOwnerReferences(slices.DeleteFunc(to.GetOwnerReferences(), func(ref metav1.OwnerReference) bool {
		return ref.Kind == gvk.Kind && ref.Name == owner.GetName() && groupOf(ref) == gvk.Group
	}))
	if err := a.own(owner, to); err != nil {
		return err
	}
	if err := a.client.Patch(ctx, to, lockedMerge(from), client.FieldOwner(a.fieldOwner)); err != nil {
		return fmt.Errorf("adopting %s: %w", a.name(object), err)
	}
	object.SetOwnerReferences(to.GetOwnerReferences())
	follow(object, to)
	return nil
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
		return ref.UID == owner.GetUID() && ref.APIVersion == gvk.GroupVersion().String()
	}) {
		return nil
	}
	from, err := a.header(object, object)
	if err != nil {
		return err
	}
	from.SetOwnerReferences(object.GetOwnerReferences())
	to := from.DeepCopy()
	if err := controllerutil.SetOwnerReference(owner, to, a.client.Scheme()); err != nil {
		return fmt.Errorf("owning %s: %w", a.name(object), err)
	}
	if err := a.client.Patch(ctx, to, lockedMerge(from), client.FieldOwner(a.fieldOwner)); err != nil {
		return fmt.Errorf("owning %s: %w", a.name(object), err)
	}
	object.SetOwnerReferences(to.GetOwnerReferences())
	follow(object, to)
	return nil
}

// groupOf is the API group of an owner, whatever the version.
func groupOf(ref metav1.OwnerReference) string {
	return schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind).Group
}
