// SPDX-License-Identifier: Apache-2.0

package clusterconfig

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// k0sManager is the field manager of k0s: the name of its binary.
const k0sManager = "k0s"

// ownAlone makes us the only owner of what we applied before. k0s creates the object from its file, which holds some of
// our values too, and never writes it again; but as long as it owns them as well, leaving them out removes nothing. What
// k0s owns and we do not stays its own, and so does what others have set.
func (a Access) ownAlone(ctx context.Context, config *unstructured.Unstructured) error {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(config.GroupVersionKind())
	if err := a.Client.Get(ctx, client.ObjectKeyFromObject(config), live); err != nil {
		return client.IgnoreNotFound(err)
	}
	entries, err := withoutCoOwner(live.GetManagedFields(), a.FieldOwner)
	if err != nil || entries == nil {
		return err
	}
	patch, err := json.Marshal([]map[string]any{
		{"op": "replace", "path": "/metadata/managedFields", "value": entries},
		// Of a newer object we know nothing: that is a conflict.
		{"op": "replace", "path": "/metadata/resourceVersion", "value": live.GetResourceVersion()},
	})
	if err != nil {
		return fmt.Errorf("encoding the owners of fields: %w", err)
	}
	//nolint:forbidigo // Who owns a field is no part of an object that could be applied.
	return a.Client.Patch(ctx, live, client.RawPatch(types.JSONPatchType, patch))
}

// withoutCoOwner takes the fields that owner has applied out of those that k0s has written. nil when there are none.
func withoutCoOwner(entries []metav1.ManagedFieldsEntry, owner string) ([]metav1.ManagedFieldsEntry, error) {
	ours, err := fieldsOf(entries, owner, metav1.ManagedFieldsOperationApply)
	if err != nil {
		return nil, err
	}
	theirs, err := fieldsOf(entries, k0sManager, metav1.ManagedFieldsOperationUpdate)
	if err != nil || theirs.Leaves().Intersection(ours).Empty() {
		return nil, err
	}
	rest, err := without(theirs, ours).ToJSON()
	if err != nil {
		return nil, fmt.Errorf("encoding the fields of %s: %w", k0sManager, err)
	}
	result := slices.Clone(entries)
	at := slices.IndexFunc(result, by(k0sManager, metav1.ManagedFieldsOperationUpdate))
	result[at].FieldsV1 = metav1.NewFieldsV1(string(rest))
	return result, nil
}

// by finds the entry of a manager. It has one for each operation, because the object has one version and no status.
func by(manager string, operation metav1.ManagedFieldsOperationType) func(metav1.ManagedFieldsEntry) bool {
	return func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == manager && entry.Operation == operation
	}
}

// without takes ours out of theirs, from the leaves on: a parent in which something is left remains theirs, or it would go
// with what is in it when we leave it out.
func without(theirs, ours *fieldpath.Set) *fieldpath.Set {
	for {
		shared := theirs.Leaves().Intersection(ours)
		if shared.Empty() {
			return theirs
		}
		theirs = theirs.Difference(shared)
	}
}

// fieldsOf are the fields of a manager; none when it has no entry.
func fieldsOf(
	entries []metav1.ManagedFieldsEntry, manager string, operation metav1.ManagedFieldsOperationType,
) (*fieldpath.Set, error) {
	fields := &fieldpath.Set{}
	at := slices.IndexFunc(entries, by(manager, operation))
	if at < 0 || entries[at].FieldsV1 == nil {
		return fields, nil
	}
	if err := fields.FromJSON(bytes.NewReader(entries[at].FieldsV1.GetRawBytes())); err != nil {
		return nil, fmt.Errorf("reading the fields of %s: %w", manager, err)
	}
	return fields, nil
}
