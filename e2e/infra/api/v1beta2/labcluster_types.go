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

// ClusterFinalizer keeps a LabCluster until its load balancer is gone.
const ClusterFinalizer = "labcluster.infrastructure.cluster.x-k8s.io"

// LabClusterSpec is the desired state of a LabCluster.
//
// +kubebuilder:validation:XValidation:rule="has(self.loadBalancer) == has(oldSelf.loadBalancer)",message="loadBalancer cannot be added or removed later: make another Cluster"
type LabClusterSpec struct {
	// controlPlaneEndpoint is where the control plane is reached. It is set by the provider when there is a load balancer.
	// +optional
	ControlPlaneEndpoint clusterv1.APIEndpoint `json:"controlPlaneEndpoint,omitempty,omitzero"`

	// loadBalancer asks for a TCP load balancer in front of the control plane's machines. Without one the endpoint comes
	// from the control plane.
	// +optional
	LoadBalancer *LabLoadBalancer `json:"loadBalancer,omitempty"`

	// failureDomains are what the machines of the cluster can be spread over. They fail together in name only.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	FailureDomains []clusterv1.FailureDomain `json:"failureDomains,omitempty"`
}

// LabLoadBalancer is a TCP load balancer with an address of its own. It passes connections on to those control-plane
// machines of the cluster that accept them.
type LabLoadBalancer struct {
	// ports are what it listens on, and what the machines do. The first is that of the control plane's endpoint. 9443,
	// where k0s controllers join each other, is none of them.
	// +optional
	// +listType=set
	// +kubebuilder:default={6443,8132}
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:Minimum=1
	// +kubebuilder:validation:items:Maximum=65535
	// +kubebuilder:validation:XValidation:rule="!self.exists(port, port == 9443)",message="controllers join each other at port 9443 without a load balancer"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="ports cannot change: make another Cluster"
	Ports []int32 `json:"ports,omitempty"`
}

// LabClusterStatus is what is known of a cluster's infrastructure.
type LabClusterStatus struct {
	LabStatus `json:",inline"`

	// failureDomains are those of the spec, where Cluster API looks for them.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	FailureDomains []clusterv1.FailureDomain `json:"failureDomains,omitempty"`
}

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

// LabCluster is the infrastructure of one cluster. With a load balancer it has an endpoint for the control plane; without
// one it is nothing but the promise that it is there, and waits, as providers without load balancers do, until the Cluster
// has got an endpoint from its control plane.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=cluster-api,scope=Namespaced
// +kubebuilder:metadata:labels="cluster.x-k8s.io/v1beta2=v1beta2"
// +kubebuilder:printcolumn:name="Cluster",type=string,JSONPath=`.metadata.labels['cluster\.x-k8s\.io/cluster-name']`
// +kubebuilder:printcolumn:name="Endpoint",type=string,JSONPath=`.spec.controlPlaneEndpoint.host`
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
	Status LabClusterStatus `json:"status,omitempty,omitzero"`
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
