// SPDX-License-Identifier: Apache-2.0

package v1beta2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
)

// K0sWorkerConfigTemplateSpec holds the template.
type K0sWorkerConfigTemplateSpec struct {
	// template is what a K0sWorkerConfig is made from. Unset: a worker of the Machine's version without further wishes.
	// +optional
	Template K0sWorkerConfigTemplateResource `json:"template,omitempty,omitzero"`
}

// K0sWorkerConfigTemplateResource is what a K0sWorkerConfig is made from.
type K0sWorkerConfigTemplateResource struct {
	// metadata is given to the configs made from the template.
	// +optional
	ObjectMeta clusterv1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec is the spec of the configs made from the template. A change takes effect for machines made afterwards.
	// +optional
	Spec K0sWorkerConfigSpec `json:"spec,omitempty,omitzero"`
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
