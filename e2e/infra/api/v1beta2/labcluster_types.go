// SPDX-License-Identifier: Apache-2.0

package v1beta2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
)

// ReadyCondition sums up an object of the lab: whether a Cluster or Machine can rely on it now.
const ReadyCondition = "Ready"

// Reasons of the Ready condition.
const (
	// ReadyReason says that all is well.
	ReadyReason = "Ready"
	// WaitingForClusterReason says that the object has no Cluster yet, or one whose infrastructure is not ready.
	WaitingForClusterReason = "WaitingForCluster"
	// WaitingForControlPlaneEndpointReason says that somebody else must give the Cluster an endpoint.
	WaitingForControlPlaneEndpointReason = "WaitingForControlPlaneEndpoint"
	// WaitingForMachineReason says that the LabMachine has no Machine yet.
	WaitingForMachineReason = "WaitingForMachine"
	// WaitingForBootstrapDataReason says that the Machine has no bootstrap data yet.
	WaitingForBootstrapDataReason = "WaitingForBootstrapData"
	// HostErrorReason says that the host could not do what it was asked.
	HostErrorReason = "HostError"
	// NotRunningReason says that the machine is switched off.
	NotRunningReason = "NotRunning"
	// GoneReason says that the machine was destroyed behind the provider's back.
	GoneReason = "Gone"
	// DeletingReason says that the machine is being destroyed.
	DeletingReason = "Deleting"
)

// LabClusterSpec is empty: there is nothing to choose.
type LabClusterSpec struct{}

// LabStatus is what is known of any object of the lab.
type LabStatus struct {
	// conditions holds Ready.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// initialization holds the progress that Cluster API looks at.
	// +optional
	Initialization LabInitialization `json:"initialization,omitempty,omitzero"`
}

// LabInitialization is the part of a status by which Cluster API sees the progress of an infrastructure object.
// +kubebuilder:validation:MinProperties=1
type LabInitialization struct {
	// provisioned is true from the moment the infrastructure is complete.
	// +optional
	Provisioned *bool `json:"provisioned,omitempty"`
}

// LabCluster is the infrastructure of one cluster: nothing but the promise that it is there. It has no endpoint of its
// own and waits, as providers without a load balancer do, until the Cluster has got one from its control plane.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=cluster-api,scope=Namespaced
// +kubebuilder:metadata:labels="cluster.x-k8s.io/v1beta2=v1beta2"
// +kubebuilder:printcolumn:name="Cluster",type=string,JSONPath=`.metadata.labels['cluster\.x-k8s\.io/cluster-name']`
// +kubebuilder:printcolumn:name="Provisioned",type=boolean,JSONPath=`.status.initialization.provisioned`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type LabCluster struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the desired state.
	// +optional
	Spec LabClusterSpec `json:"spec,omitempty,omitzero"`
	// status is the observed state.
	// +optional
	Status LabStatus `json:"status,omitempty,omitzero"`
}

// GetConditions returns the conditions of the cluster.
func (c *LabCluster) GetConditions() []metav1.Condition { return c.Status.Conditions }

// SetConditions replaces the conditions of the cluster.
func (c *LabCluster) SetConditions(conditions []metav1.Condition) { c.Status.Conditions = conditions }

// LabClusterList is a list of LabCluster.
//
// +kubebuilder:object:root=true
type LabClusterList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []LabCluster `json:"items"`
}

// LabClusterTemplateSpec is the desired state of a LabClusterTemplate.
type LabClusterTemplateSpec struct {
	// template is what a LabCluster made from it looks like.
	// +required
	Template LabClusterTemplateResource `json:"template,omitempty,omitzero"`
}

// LabClusterTemplateResource describes a LabCluster.
type LabClusterTemplateResource struct {
	// metadata goes onto the LabCluster.
	// +optional
	ObjectMeta clusterv1.ObjectMeta `json:"metadata,omitempty,omitzero"`
	// spec is that of the LabCluster.
	// +optional
	Spec LabClusterSpec `json:"spec,omitempty,omitzero"`
}

// LabClusterTemplate is what Cluster API makes LabClusters from.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:categories=cluster-api,scope=Namespaced
// +kubebuilder:metadata:labels="cluster.x-k8s.io/v1beta2=v1beta2"
type LabClusterTemplate struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the desired state.
	// +required
	Spec LabClusterTemplateSpec `json:"spec,omitempty,omitzero"`
}

// LabClusterTemplateList is a list of LabClusterTemplate.
//
// +kubebuilder:object:root=true
type LabClusterTemplateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []LabClusterTemplate `json:"items"`
}
