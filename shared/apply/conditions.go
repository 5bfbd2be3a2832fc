// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Conditioned is an object whose status has conditions.
type Conditioned interface {
	client.Object
	// GetConditions returns the conditions.
	GetConditions() []metav1.Condition
}

// ApplyConditions writes conditions into the status of an object whose other conditions are somebody else's. All of them
// go into one request, and there is none while the object, as the caller read it, has them. Conditions that this field
// owner wrote before and that are not among them are removed with the next write. lastTransitionTime is kept while the
// status is the same; otherwise it is what the caller says. An object that is gone is no error.
func (a *Applier) ApplyConditions(ctx context.Context, object Conditioned, conditions ...metav1.Condition) error {
	wanted := make([]any, 0, len(conditions))
	changed := false
	for i := range conditions {
		condition := conditions[i]
		current := find(object.GetConditions(), condition.Type)
		if current != nil && current.Status == condition.Status {
			condition.LastTransitionTime = current.LastTransitionTime
		}
		changed = changed || current == nil || !same(*current, condition)
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&condition)
		if err != nil {
			return fmt.Errorf("converting condition %s: %w", condition.Type, err)
		}
		wanted = append(wanted, fields)
	}
	if !changed {
		return nil
	}
	return a.applyConditions(ctx, object, wanted)
}

func (a *Applier) applyConditions(ctx context.Context, object client.Object, wanted []any) error {
	gvk, err := apiutil.GVKForObject(object, a.client.Scheme())
	if err != nil {
		return fmt.Errorf("applying conditions to %T: %w", object, err)
	}
	intent := &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"conditions": wanted}}}
	intent.SetGroupVersionKind(gvk)
	intent.SetNamespace(object.GetNamespace())
	intent.SetName(object.GetName())
	err = a.client.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(intent),
		client.FieldOwner(a.fieldOwner), client.ForceOwnership)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("applying conditions to %s: %w", a.name(object), err)
	}
	return nil
}

func find(conditions []metav1.Condition, conditionType string) *metav1.Condition {
	for i := range conditions {
		if conditions[i].Type == conditionType {
			return &conditions[i]
		}
	}
	return nil
}

// same leaves times out: they follow from the status.
func same(a, b metav1.Condition) bool {
	return a.Status == b.Status && a.Reason == b.Reason && a.Message == b.Message &&
		a.ObservedGeneration == b.ObservedGeneration
}
