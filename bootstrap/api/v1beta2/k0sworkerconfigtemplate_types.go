// SPDX-License-Identifier: Apache-2.0

package v1beta2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// K0sWorkerConfigTemplateSpec holds the template.
type K0sWorkerConfigTemplateSpec struct {
	// template is what a K0sWorkerConfig is made from. Unset: a worker of the Machine's version without further wishes.
	// +optional
	Template K0sWorkerConfigTemplateResource `json:"template,omitempty,omitzero"`
}

// K0sWorkerConfigTemplateResource is what a K0sWorkerConfig is made from.
type K0sWorkerConfigTemplateResource struct {
	// metadata is given to the configs made from the template. What Kubernetes would refuse on them is refused here.
	// +optional
	Metadata TemplateMetadata `json:"metadata,omitempty,omitzero"`

	// spec is the spec of the configs made from the template. A change takes effect for machines made afterwards.
	// +optional
	Spec K0sWorkerConfigSpec `json:"spec,omitempty,omitzero"`
}

// TemplateMetadata is given to the objects made from a template. Cluster API calls the type ObjectMeta; this one refuses
// what an API server would refuse on the objects.
//
// +kubebuilder:validation:MinProperties=1
type TemplateMetadata struct {
	// labels of the objects.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.indexOf('/') <= 253 && k.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="the key of a label is a name of at most 63 letters, digits, dashes, underscores and dots, optionally after a DNS name and a slash"
	Labels map[string]LabelValue `json:"labels,omitempty"`

	// annotations of the objects.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.indexOf('/') <= 253 && k.matches('^([A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?([.][A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="the key of an annotation is a name of at most 63 letters, digits, dashes, underscores and dots, optionally after a DNS name and a slash"
	// +kubebuilder:validation:XValidation:rule="self.map(k, bytes(k).size() + bytes(self[k]).size()).sum() <= 262144",message="annotations may have 256 KiB in all"
	Annotations map[string]AnnotationValue `json:"annotations,omitempty"`
}

// K0sWorkerConfigTemplate is what MachineDeployments, MachineSets and ClusterClasses make K0sWorkerConfigs from.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:path=k0sworkerconfigtemplates,scope=Namespaced,categories=cluster-api,shortName=k0swct
// +kubebuilder:metadata:labels="cluster.x-k8s.io/v1beta2=v1beta2"
// +kubebuilder:printcolumn:name="ClusterClass",type="string",JSONPath=`.metadata.ownerReferences[?(@.kind=="ClusterClass")].name`,description="ClusterClass the template belongs to"
// +kubebuilder:printcolumn:name="Cluster",type="string",JSONPath=`.metadata.ownerReferences[?(@.kind=="Cluster")].name`,description="Cluster the template belongs to"
// +kubebuilder:printcolumn:name="Version",type="string",JSONPath=`.spec.template.spec.version`,description="k0s version, if the template names one"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`,description="Time since the template was created"
type K0sWorkerConfigTemplate struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec holds the template.
	// +optional
	Spec K0sWorkerConfigTemplateSpec `json:"spec,omitempty,omitzero"`
}

// K0sWorkerConfigTemplateList is a list of K0sWorkerConfigTemplates.
//
// +kubebuilder:object:root=true
type K0sWorkerConfigTemplateList struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard list's metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the templates.
	Items []K0sWorkerConfigTemplate `json:"items"`
}
