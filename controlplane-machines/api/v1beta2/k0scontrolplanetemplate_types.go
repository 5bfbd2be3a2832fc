// SPDX-License-Identifier: Apache-2.0

package v1beta2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
)

// K0sControlPlaneTemplateMachineTemplate describes the Machines of a control plane made from a template.
//
// +kubebuilder:validation:MinProperties=1
type K0sControlPlaneTemplateMachineTemplate struct {
	// metadata are labels and annotations of the Machines and of the objects behind them.
	// +optional
	ObjectMeta clusterv1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec describes the Machines. The infrastructure comes from the ClusterClass.
	// +optional
	Spec MachineSettings `json:"spec,omitempty,omitzero"`
}

// K0sControlPlaneTemplateResourceSpec is the spec of a K0sControlPlane without what the topology controller adds.
type K0sControlPlaneTemplateResourceSpec struct {
	// machineTemplate describes the Machines.
	// +optional
	MachineTemplate K0sControlPlaneTemplateMachineTemplate `json:"machineTemplate,omitempty,omitzero"`

	// updateStrategy is how Machines are replaced: Recreate or RecreateDeleteFirst. Unset: that of a K0sControlPlane
	// that names none.
	// +optional
	UpdateStrategy UpdateStrategy `json:"updateStrategy,omitempty"`

	ControlPlaneSettings `json:",inline"`
}

// K0sControlPlaneTemplateResource describes the K0sControlPlane made from a template. The topology controller of Cluster
// API adds replicas, version and the template of the infrastructure.
type K0sControlPlaneTemplateResource struct {
	// metadata are labels and annotations of the object made from the template.
	// +optional
	ObjectMeta clusterv1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec holds the settings of the object made from the template.
	// +optional
	Spec K0sControlPlaneTemplateResourceSpec `json:"spec,omitempty,omitzero"`
}

// K0sControlPlaneTemplateSpec is the wished state of a K0sControlPlaneTemplate.
type K0sControlPlaneTemplateSpec struct {
	// template is what K0sControlPlanes are made from.
	// +required
	Template K0sControlPlaneTemplateResource `json:"template,omitempty,omitzero"`
}

// K0sControlPlaneTemplate is what a ClusterClass makes K0sControlPlanes from. It may be changed; the topology controller
// brings changes to the Clusters of the class.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:path=k0scontrolplanetemplates,scope=Namespaced,categories=cluster-api,shortName=k0scpt
// +kubebuilder:metadata:labels={"cluster.x-k8s.io/v1beta2=v1beta2"}
// +kubebuilder:printcolumn:name="ClusterClass",type="string",JSONPath=`.metadata.ownerReferences[?(@.kind=="ClusterClass")].name`,description="ClusterClass the template belongs to"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp",description="Time since creation"
type K0sControlPlaneTemplate struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the wished state.
	// +required
	Spec K0sControlPlaneTemplateSpec `json:"spec,omitempty,omitzero"`
}

// K0sControlPlaneTemplateList is a list of K0sControlPlaneTemplates.
//
// +kubebuilder:object:root=true
type K0sControlPlaneTemplateList struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard list metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the objects of the list.
	Items []K0sControlPlaneTemplate `json:"items"`
}
