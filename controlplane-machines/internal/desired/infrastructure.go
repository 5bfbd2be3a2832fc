// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/external"
)

// InfraMachine is the infrastructure of a new Machine, cloned from its template. It is made once.
func InfraMachine(f Facts, name string, template *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	owner := f.owner()
	machine, err := external.GenerateTemplate(&external.GenerateTemplateInput{
		Template: template.DeepCopy(),
		TemplateRef: &corev1.ObjectReference{
			APIVersion: template.GetAPIVersion(), Kind: template.GetKind(), Name: template.GetName(),
		},
		Namespace:   f.ControlPlane.Namespace,
		Name:        name,
		ClusterName: f.Cluster.Name,
		OwnerRef:    &owner,
		Labels:      f.labels(),
	})
	if err != nil {
		return nil, fmt.Errorf("cloning %s %s: %w", template.GetKind(), template.GetName(), err)
	}
	return machine, nil
}

// Child names an object behind a Machine.
type Child struct {
	// Kind is its kind.
	Kind schema.GroupVersionKind
	// Name is its name.
	Name string
}

// Metadata is the intent that gives a child of a Machine, its config or its infrastructure, the labels and annotations
// that the spec says today. It has no other fields, so it must have a field owner of its own, and be applied to what
// exists.
func Metadata(f Facts, child Child) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{}}
	object.SetGroupVersionKind(child.Kind)
	object.SetNamespace(f.ControlPlane.Namespace)
	object.SetName(child.Name)
	object.SetLabels(f.allLabels())
	if annotations := maps.Clone(f.annotations()); len(annotations) > 0 {
		object.SetAnnotations(annotations)
	}
	return object
}

// clonedFrom tells which template infrastructure was cloned from, from its annotations.
func clonedFrom(annotations map[string]string) (groupKind, name string) {
	return annotations[clusterv1.TemplateClonedFromGroupKindAnnotation], annotations[clusterv1.TemplateClonedFromNameAnnotation]
}
