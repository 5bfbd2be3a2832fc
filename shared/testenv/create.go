// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Create creates objects and, where one has a status and the kind a status subresource, writes that too.
func Create(ctx context.Context, c client.Client, objects ...client.Object) error {
	for _, object := range objects {
		if err := createOne(ctx, c, object); err != nil {
			return err
		}
	}
	return nil
}

func createOne(ctx context.Context, c client.Client, object client.Object) error {
	wished, ok := object.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("copying %T: the copy is no client object", object)
	}
	if err := c.Create(ctx, object); err != nil {
		return fmt.Errorf("creating %T %s: %w", object, object.GetName(), err)
	}
	if !hasStatus(wished) {
		return nil
	}
	wished.SetResourceVersion(object.GetResourceVersion())
	wished.SetUID(object.GetUID())
	wished.SetName(object.GetName())
	err := c.Status().Update(ctx, wished)
	if apierrors.IsNotFound(err) {
		return nil // No status subresource: Create has written it.
	}
	if err != nil {
		return fmt.Errorf("writing status of %T %s: %w", object, object.GetName(), err)
	}
	if err := c.Get(ctx, client.ObjectKeyFromObject(wished), object); err != nil {
		return fmt.Errorf("getting %T %s: %w", object, object.GetName(), err)
	}
	return nil
}

func hasStatus(object client.Object) bool {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return false
	}
	status, ok := fields["status"].(map[string]any)
	return ok && len(status) > 0
}
