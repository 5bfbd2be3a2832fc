// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// server tells the API servers of a world apart.
type server string

const (
	management server = "management"
	workload   server = "workload"
)

// identity is an object of one API server, whatever happens to it.
type identity struct {
	server server
	gvk    schema.GroupVersionKind
	key    client.ObjectKey
}

// String is "<Kind> <name>", for the workload cluster with its name.
func (i identity) String() string {
	if i.server == workload {
		return fmt.Sprintf("%s %s in %s", i.gvk.Kind, i.key.Name, i.server)
	}
	return i.gvk.Kind + " " + i.key.Name
}

func (i identity) resource() schema.GroupResource {
	plural, _ := meta.UnsafeGuessKindToResource(i.gvk)
	return plural.GroupResource()
}

func (s server) identify(c client.Client, object client.Object) identity {
	gvk, err := apiutil.GVKForObject(object, c.Scheme())
	if err != nil {
		gvk = schema.GroupVersionKind{Kind: fmt.Sprintf("%T", object)}
	}
	name := object.GetName()
	if name == "" {
		name = object.GetGenerateName() + "*"
	}
	return identity{server: s, gvk: gvk, key: client.ObjectKey{Namespace: object.GetNamespace(), Name: name}}
}

// identifyApplied reads the identity out of an apply configuration, which has it as plain fields.
func (s server) identifyApplied(applied runtime.ApplyConfiguration) identity {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(applied)
	if err != nil {
		return identity{}
	}
	object := unstructured.Unstructured{Object: fields}
	return identity{
		server: s, gvk: object.GroupVersionKind(),
		key: client.ObjectKey{Namespace: object.GetNamespace(), Name: object.GetName()},
	}
}

// past has, for every object that was written, the version before the last one; an empty object where there was none.
type past map[identity]unstructured.Unstructured

// read returns the live object; an empty one when there is none.
func read(ctx context.Context, c client.Reader, id identity) (unstructured.Unstructured, error) {
	object := unstructured.Unstructured{}
	object.SetGroupVersionKind(id.gvk)
	err := c.Get(ctx, id.key, &object)
	if apierrors.IsNotFound(err) {
		return unstructured.Unstructured{}, nil
	}
	if err != nil {
		return unstructured.Unstructured{}, fmt.Errorf("recording %s: %w", id, err)
	}
	return object, nil
}

// rewind is what the list would have been one version earlier; nil when that is the same.
func (p past) rewind(
	s server, c client.Client, list client.ObjectList, opts []client.ListOption,
) ([]runtime.Object, error) {
	gvk, err := apiutil.GVKForObject(list, c.Scheme())
	if err != nil {
		return nil, err
	}
	gvk.Kind = strings.TrimSuffix(gvk.Kind, "List")
	options := (&client.ListOptions{}).ApplyOptions(opts)
	if options.FieldSelector != nil && !options.FieldSelector.Empty() {
		return nil, nil // Old versions cannot be matched against an index.
	}
	items := []runtime.Object{}
	seen := map[identity]bool{}
	err = meta.EachListItem(list, func(item runtime.Object) error {
		object, ok := item.(client.Object)
		if !ok {
			return fmt.Errorf("%T has items that are no objects", list)
		}
		id := identity{server: s, gvk: gvk, key: client.ObjectKeyFromObject(object)}
		if _, known := p[id]; !known {
			seen[id] = true
			items = append(items, item)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	changed := false
	for _, id := range p.sorted(s, gvk) {
		old := p[id]
		changed = true
		if old.Object != nil && !seen[id] && matches(&old, options) {
			items = append(items, old.DeepCopy())
		}
	}
	if !changed {
		return nil, nil
	}
	return items, nil
}

func (p past) sorted(s server, gvk schema.GroupVersionKind) []identity {
	var ids []identity
	for id := range p {
		if id.server == s && id.gvk == gvk {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b identity) int { return strings.Compare(a.key.String(), b.key.String()) })
	return ids
}

func matches(object *unstructured.Unstructured, options *client.ListOptions) bool {
	if options.Namespace != "" && options.Namespace != object.GetNamespace() {
		return false
	}
	return options.LabelSelector == nil || options.LabelSelector.Matches(labels.Set(object.GetLabels()))
}

// fill puts an old version into the object that a caller reads into.
func fill(object client.Object, old unstructured.Unstructured) error {
	if target, ok := object.(*unstructured.Unstructured); ok {
		old.DeepCopyInto(target)
		return nil
	}
	return runtime.DefaultUnstructuredConverter.FromUnstructured(old.DeepCopy().Object, object)
}

// replaceItems puts old versions into a list of any Go type.
func replaceItems(list client.ObjectList, items []runtime.Object) error {
	if target, ok := list.(*unstructured.UnstructuredList); ok {
		target.Items = nil
		for _, item := range items {
			if u, isUnstructured := item.(*unstructured.Unstructured); isUnstructured {
				target.Items = append(target.Items, *u)
			}
		}
		return nil
	}
	content := make([]any, 0, len(items))
	for _, item := range items {
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(item)
		if err != nil {
			return err
		}
		content = append(content, fields)
	}
	return runtime.DefaultUnstructuredConverter.FromUnstructured(map[string]any{"items": content}, list)
}
