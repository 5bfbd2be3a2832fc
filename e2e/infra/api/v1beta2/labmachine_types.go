// SPDX-License-Identifier: Apache-2.0

package v1beta2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
)

// MachineFinalizer keeps a LabMachine until its machine is destroyed.
const MachineFinalizer = "labmachine.infrastructure.cluster.x-k8s.io"

// ProviderIDPrefix starts the provider ID of every LabMachine; its name follows.
const ProviderIDPrefix = "lab://"

// LabMachineSpec is the desired state of a LabMachine.
type LabMachineSpec struct {
	// providerID is set by the provider when the machine exists.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	ProviderID string `json:"providerID,omitempty"`
}

// LabMachineStatus is what is known of a machine.
type LabMachineStatus struct {
	LabStatus `json:",inline"`

	// addresses are where the machine can be reached, its host name among them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Addresses []clusterv1.MachineAddress `json:"addresses,omitempty"`

	// failureDomain is the one that the Machine asked for.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	FailureDomain string `json:"failureDomain,omitempty"`
}

// LabMachine is one machine of the lab: a container that boots Debian and runs cloud-init on the bootstrap data.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=cluster-api,scope=Namespaced
// +kubebuilder:metadata:labels="cluster.x-k8s.io/v1beta2=v1beta2"
// +kubebuilder:printcolumn:name="Cluster",type=string,JSONPath=`.metadata.labels['cluster\.x-k8s\.io/cluster-name']`
// +kubebuilder:printcolumn:name="Failure Domain",type=string,JSONPath=`.status.failureDomain`,priority=1
// +kubebuilder:printcolumn:name="Provider ID",type=string,JSONPath=`.spec.providerID`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type LabMachine struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the desired state.
	// +optional
	Spec LabMachineSpec `json:"spec,omitempty,omitzero"`
	// status is the observed state.
	// +optional
	Status LabMachineStatus `json:"status,omitempty,omitzero"`
}

// GetConditions returns the conditions of the machine.
func (m *LabMachine) GetConditions() []metav1.Condition { return m.Status.Conditions }

// SetConditions replaces the conditions of the machine.
func (m *LabMachine) SetConditions(conditions []metav1.Condition) { m.Status.Conditions = conditions }

// LabMachineList is a list of LabMachine.
//
// +kubebuilder:object:root=true
type LabMachineList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []LabMachine `json:"items"`
}

// LabMachineTemplateSpec is the desired state of a LabMachineTemplate.
type LabMachineTemplateSpec struct {
	// template is what a LabMachine made from it looks like.
	// +required
	Template LabMachineTemplateResource `json:"template,omitempty,omitzero"`
}

// LabMachineTemplateResource describes a LabMachine.
type LabMachineTemplateResource struct {
	// metadata goes onto the LabMachine.
	// +optional
	ObjectMeta clusterv1.ObjectMeta `json:"metadata,omitempty,omitzero"`
	// spec is that of the LabMachine.
	// +optional
	Spec LabMachineSpec `json:"spec,omitempty,omitzero"`
}

// LabMachineTemplate is what Cluster API makes LabMachines from.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:categories=cluster-api,scope=Namespaced
// +kubebuilder:metadata:labels="cluster.x-k8s.io/v1beta2=v1beta2"
type LabMachineTemplate struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the desired state.
	// +required
	Spec LabMachineTemplateSpec `json:"spec,omitempty,omitzero"`
}

// LabMachineTemplateList is a list of LabMachineTemplate.
//
// +kubebuilder:object:root=true
type LabMachineTemplateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []LabMachineTemplate `json:"items"`
}
