// SPDX-License-Identifier: Apache-2.0

package hosted

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
func (c *Clusters) ownAlone(ctx context.Context, workloadClient client.Client, config *unstructured.Unstructured) error {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(config.GroupVersionKind())
	if err := workloadClient.Get(ctx, client.ObjectKeyFromObject(config), live); err != nil {
		return client.IgnoreNotFound(err)
	}
	entries, err := withoutCoOwner(live.GetManagedFields(), c.fieldOwner)
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
	return workloadClient.Patch(ctx, live, client.RawPatch(types.JSONPatchType, patch))
}

// withoutCoOwner takes the fields that owner has applied out of those that k0s has written. nil when there are none.
func withoutCoOwner(entries []metav1.ManagedFieldsEntry, owner string) ([]metav1.ManagedFieldsEntry, error) {
	ours := &fieldpath.Set{}
	for i := range entries {
		if entries[i].Manager != owner || entries[i].Operation != metav1.ManagedFieldsOperationApply {
			continue
		}
		fields, err := fieldsOf(entries[i])
		if err != nil {
			return nil, err
		}
		ours = ours.Union(fields)
	}
	changed, result := false, slices.Clone(entries)
	for i := range result {
		if result[i].Manager != k0sManager || result[i].Operation != metav1.ManagedFieldsOperationUpdate {
			continue
		}
		theirs, err := fieldsOf(result[i])
		if err != nil {
			return nil, err
		}
		rest := without(theirs, ours)
		if rest.Equals(theirs) {
			continue
		}
		encoded, err := rest.ToJSON()
		if err != nil {
			return nil, fmt.Errorf("encoding the fields of %s: %w", k0sManager, err)
		}
		changed, result[i].FieldsV1 = true, metav1.NewFieldsV1(string(encoded))
	}
	if !changed {
		return nil, nil
	}
	return result, nil
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

func fieldsOf(entry metav1.ManagedFieldsEntry) (*fieldpath.Set, error) {
	fields := &fieldpath.Set{}
	if entry.FieldsV1 == nil {
		return fields, nil
	}
	if err := fields.FromJSON(bytes.NewReader(entry.FieldsV1.GetRawBytes())); err != nil {
		return nil, fmt.Errorf("reading the fields of %s: %w", entry.Manager, err)
	}
	return fields, nil
}
