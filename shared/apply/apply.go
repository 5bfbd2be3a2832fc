// SPDX-License-Identifier: Apache-2.0

// Package apply is the only writer of Kubernetes objects.
//
// Children are written by server-side apply with one field owner, forced, and only when something is different: the
// write is skipped while the live object, as the cache shows it, carries the hash of exactly this desired object and
// still has all of its fields. The hash tells removed fields, the comparison tells drift; defaults of the server are
// neither. What is written once and never again (CAs) is created; finalizers, single fields of foreign specs and the
// status are patched narrowly, each under the resourceVersion it was computed from.
package apply

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

// Applier writes objects of one API server as one field owner. It keeps no state.
type Applier struct {
	client     client.Client
	fieldOwner string
}

// New returns the Applier of a field owner. The client's reads should come from a cache: Apply reads every object it is
// given. The cache must hold the objects that are applied (restricted caches hold Secrets and ConfigMaps only with the
// label cluster.x-k8s.io/cluster-name).
func New(c client.Client, fieldOwner string) *Applier {
	return &Applier{client: c, fieldOwner: fieldOwner}
}

// Apply makes the objects as wanted, in the given order, and makes owner their controller; owner may be nil. nil objects
// are skipped: they are not wanted (Prune removes them). On return every object holds its live state, with the server's
// defaults and allocations, whether or not it was written. Labels are part of the object and are not added.
func (a *Applier) Apply(ctx context.Context, owner client.Object, objects ...client.Object) error {
	for _, object := range objects {
		if isNil(object) {
			continue
		}
		want, err := a.intent(owner, object)
		if err != nil {
			return err
		}
		if err := a.applyOne(ctx, want, object); err != nil {
			return err
		}
	}
	return nil
}

// ApplyTo is Apply for an object that exists, as the caller has read it: live. It never makes one: when live is gone
// meanwhile, the API server answers with a conflict; when another object has taken its name, with an invalid metadata.uid.
func (a *Applier) ApplyTo(ctx context.Context, live, object client.Object) error {
	want, err := a.intent(nil, object)
	if err != nil {
		return err
	}
	want.SetUID(live.GetUID()) // After the hash, which is about wishes.
	return a.applyOne(ctx, want, object)
}

// HasApplied tells whether this field owner has ever applied the object.
func (a *Applier) HasApplied(live client.Object) bool {
	_, has := live.GetAnnotations()[Annotation(a.fieldOwner)]
	return has
}

func (a *Applier) applyOne(ctx context.Context, want *unstructured.Unstructured, object client.Object) error {
	live, err := a.empty(object, want.GroupVersionKind())
	if err != nil {
		return err
	}
	err = a.client.Get(ctx, client.ObjectKeyFromObject(want), live)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("reading %s: %w", describe(want), err)
	}
	if err == nil {
		same, err := unchanged(want, live)
		switch {
		case err != nil:
			return err
		case same:
			return assign(live, object)
		}
	}
	written := want.DeepCopy()
	err = a.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(written),
		client.FieldOwner(a.fieldOwner), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("applying %s: %w", describe(want), err)
	}
	return assign(written, object)
}

// empty is an object to read into, of the same Go type as like.
func (a *Applier) empty(like client.Object, gvk schema.GroupVersionKind) (client.Object, error) {
	if _, ok := like.(*unstructured.Unstructured); ok {
		object := &unstructured.Unstructured{}
		object.SetGroupVersionKind(gvk)
		return object, nil
	}
	fresh, err := a.client.Scheme().New(gvk)
	if err != nil {
		return nil, err
	}
	object, ok := fresh.(client.Object)
	if !ok {
		return nil, fmt.Errorf("%s is no API object", gvk.Kind)
	}
	return object, nil
}

// own makes owner the controller of object. No owner is fine.
func (a *Applier) own(owner, object client.Object) error {
	if isNil(owner) {
		return nil
	}
	if err := controllerutil.SetControllerReference(owner, object, a.client.Scheme()); err != nil {
		return fmt.Errorf("setting owner of %s: %w", object.GetName(), err)
	}
	return nil
}

// assign copies the state of one object into another that may be of another Go type.
func assign(from runtime.Object, to client.Object) error {
	content, err := content(from)
	if err != nil {
		return err
	}
	if target, ok := to.(*unstructured.Unstructured); ok {
		gvk := target.GroupVersionKind()
		target.Object = runtime.DeepCopyJSON(content)
		if target.GroupVersionKind().Empty() {
			target.SetGroupVersionKind(gvk)
		}
		return nil
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, to); err != nil {
		return fmt.Errorf("reading back %s: %w", to.GetName(), err)
	}
	return nil
}

// content is the object as JSON values. It is shared with an unstructured object and must not be changed.
func content(object runtime.Object) (map[string]any, error) {
	if u, ok := object.(*unstructured.Unstructured); ok {
		return u.Object, nil
	}
	converted, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("converting %T: %w", object, err)
	}
	return converted, nil
}

// describe names an object in errors. The name is left out where a condition would flap with it; kind and name are
// stable for all children of ours.
func describe(object *unstructured.Unstructured) string {
	return object.GetKind() + " " + object.GetName()
}

// isNil also finds a nil pointer inside the interface: a build function that returns a typed nil means "not wanted".
func isNil(object client.Object) bool {
	if object == nil {
		return true
	}
	value := reflect.ValueOf(object)
	return value.Kind() == reflect.Pointer && value.IsNil()
}

// ErrExists is returned by Create when an object of that name is already there.
var ErrExists = errors.New("object already exists")
