// SPDX-License-Identifier: Apache-2.0

package v1beta2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
)

// K0smotronControlPlaneTemplateResource describes the K0smotronControlPlane made from a template. The topology
// controller of Cluster API adds replicas and version.
type K0smotronControlPlaneTemplateResource struct {
	// metadata are labels and annotations of the object made from the template.
	// +optional
	ObjectMeta clusterv1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec holds the settings of the object made from the template.
	// +optional
	Spec ControlPlaneSettings `json:"spec,omitempty,omitzero"`
}

// K0smotronControlPlaneTemplateSpec is the wished state of a K0smotronControlPlaneTemplate.
type K0smotronControlPlaneTemplateSpec struct {
	// template is what K0smotronControlPlanes are made from.
	// +required
	Template K0smotronControlPlaneTemplateResource `json:"template,omitempty,omitzero"`
}

// K0smotronControlPlaneTemplate is what a ClusterClass makes K0smotronControlPlanes from. It may be changed; the
// topology controller brings changes to the Clusters of the class.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:path=k0smotroncontrolplanetemplates,scope=Namespaced,categories=cluster-api,shortName=k0smcpt
// +kubebuilder:metadata:labels={"cluster.x-k8s.io/v1beta2=v1beta2"}
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp",description="Time since creation"
type K0smotronControlPlaneTemplate struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the wished state.
	// +required
	Spec K0smotronControlPlaneTemplateSpec `json:"spec,omitempty,omitzero"`
}

// K0smotronControlPlaneTemplateList is a list of K0smotronControlPlaneTemplates.
//
// +kubebuilder:object:root=true
type K0smotronControlPlaneTemplateList struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard list metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the objects of the list.
	Items []K0smotronControlPlaneTemplate `json:"items"`
}
