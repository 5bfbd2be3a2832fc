// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"fmt"
	"maps"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Annotate gives an object one annotation, for what is recorded on an object that somebody else writes too. It costs a
// request only when the annotation has another value. The patch is bound to the object's resourceVersion; object then
// gets the annotation and the new resourceVersion.
func (a *Applier) Annotate(ctx context.Context, object client.Object, key, value string) error {
	if current, set := object.GetAnnotations()[key]; set && current == value {
		return nil
	}
	annotations := maps.Clone(object.GetAnnotations())
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	return a.patchAnnotations(ctx, object, annotations)
}

// RemoveAnnotation takes an annotation off an object. It costs a request only when it is there; an object that is gone is
// no error.
func (a *Applier) RemoveAnnotation(ctx context.Context, object client.Object, key string) error {
	if _, set := object.GetAnnotations()[key]; !set {
		return nil
	}
	rest := maps.Clone(object.GetAnnotations())
	delete(rest, key)
	return client.IgnoreNotFound(a.patchAnnotations(ctx, object, rest))
}

func (a *Applier) patchAnnotations(ctx context.Context, object client.Object, annotations map[string]string) error {
	from, err := a.header(object, object)
	if err != nil {
		return err
	}
	from.SetAnnotations(object.GetAnnotations())
	to := from.DeepCopy()
	to.SetAnnotations(annotations)
	if err := a.client.Patch(ctx, to, lockedMerge(from), client.FieldOwner(a.fieldOwner)); err != nil {
		return fmt.Errorf("patching annotations of %s: %w", a.name(object), err)
	}
	object.SetAnnotations(annotations)
	follow(object, to)
	return nil
}
