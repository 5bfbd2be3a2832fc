// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/shared/apply"
)

// final is the world's objects as text: sorted, without what differs between any two runs.
func (s Scenario) final(ctx context.Context, world World) (string, error) {
	management, err := s.dump(ctx, world.Management, s.Kinds, client.InNamespace(world.Namespace))
	if err != nil {
		return "", err
	}
	documents := management
	if world.Workload != nil {
		workload, err := s.dump(ctx, world.Workload, s.WorkloadKinds)
		if err != nil {
			return "", err
		}
		documents = append(documents, workload...)
	}
	text := strings.Join(documents, "---\n")
	if world.Namespace != "" {
		text = strings.ReplaceAll(text, world.Namespace, "<namespace>")
	}
	return text, nil
}

func (s Scenario) dump(
	ctx context.Context, c client.Client, kinds []client.ObjectList, opts ...client.ListOption,
) ([]string, error) {
	var documents []string
	for _, kind := range kinds {
		list, ok := kind.DeepCopyObject().(client.ObjectList)
		if !ok {
			return nil, fmt.Errorf("copying %T: the copy is no list", kind)
		}
		if err := c.List(ctx, list, opts...); err != nil {
			return nil, fmt.Errorf("listing final objects: %w", err)
		}
		err := meta.EachListItem(list, func(item runtime.Object) error {
			document, err := s.canonical(c, item)
			documents = append(documents, document)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(documents)
	return documents, nil
}

func (s Scenario) canonical(c client.Client, item runtime.Object) (string, error) {
	gvk, err := apiutil.GVKForObject(item, c.Scheme())
	if err != nil {
		return "", err
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(item.DeepCopyObject())
	if err != nil {
		return "", fmt.Errorf("converting %s: %w", gvk.Kind, err)
	}
	object := &unstructured.Unstructured{Object: fields}
	object.SetGroupVersionKind(gvk)
	generation := object.GetGeneration()
	scrub(fields, generation)
	dropHashes(object)
	if gvk.Kind == "Service" {
		dropAllocations(object)
	}
	if s.Normalise != nil {
		s.Normalise(object)
	}
	text, err := yaml.Marshal(object.Object)
	if err != nil {
		return "", fmt.Errorf("printing %s: %w", gvk.Kind, err)
	}
	return string(text), nil
}

// scrub removes what no two runs share. A generation is only told to be observed or not: how often a spec was written
// on the way does not matter.
func scrub(value any, generation int64) {
	switch v := value.(type) {
	case map[string]any:
		for key, field := range v {
			switch key {
			case "uid", "resourceVersion", "generation", "managedFields", "creationTimestamp", "lastTransitionTime",
				"selfLink":
				delete(v, key)
			case "deletionTimestamp":
				v[key] = "<set>"
			case "observedGeneration":
				v[key] = field == generation
			default:
				scrub(field, generation)
			}
		}
	case []any:
		for _, element := range v {
			scrub(element, generation)
		}
	}
}

// dropHashes removes the hashes of applied objects: they cover the owner's UID.
func dropHashes(object *unstructured.Unstructured) {
	annotations := object.GetAnnotations()
	for key := range annotations {
		if strings.HasPrefix(key, apply.AnnotationPrefix) {
			delete(annotations, key)
		}
	}
	if len(annotations) == 0 {
		annotations = nil
	}
	object.SetAnnotations(annotations)
}

// dropAllocations removes the addresses and ports that an API server gives out.
func dropAllocations(service *unstructured.Unstructured) {
	for _, field := range []string{"clusterIP", "clusterIPs", "healthCheckNodePort"} {
		unstructured.RemoveNestedField(service.Object, "spec", field)
	}
	ports, _, _ := unstructured.NestedFieldNoCopy(service.Object, "spec", "ports")
	list, _ := ports.([]any)
	for _, port := range list {
		if fields, ok := port.(map[string]any); ok {
			delete(fields, "nodePort")
		}
	}
}
