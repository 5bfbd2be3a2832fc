// SPDX-License-Identifier: Apache-2.0

package v1beta2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
)

// K0sControlPlaneTemplateMachineTemplateSpec describes the Machines of a control plane made from a template.
//
// +kubebuilder:validation:MinProperties=1
type K0sControlPlaneTemplateMachineTemplateSpec struct {
	// readinessGates are more conditions of a Machine that its Ready condition depends on.
	// +optional
	// +listType=map
	// +listMapKey=conditionType
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	ReadinessGates []clusterv1.MachineReadinessGate `json:"readinessGates,omitempty"`

	// deletion says how long the deletion of a Machine may wait for its Node.
	// +optional
	Deletion MachineDeletionSpec `json:"deletion,omitempty,omitzero"`

	// taints are the taints that Cluster API keeps on the Nodes of controllers that are nodes, too.
	// +optional
	// +listType=map
	// +listMapKey=key
	// +listMapKey=effect
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Taints []clusterv1.MachineTaint `json:"taints,omitempty"`
}

// K0sControlPlaneTemplateMachineTemplate describes the Machines of a control plane made from a template.
//
// +kubebuilder:validation:MinProperties=1
type K0sControlPlaneTemplateMachineTemplate struct {
	// metadata are labels and annotations of the Machines and of the objects behind them. What Kubernetes would refuse on
	// those objects is refused here.
	// +optional
	ObjectMeta clusterv1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec describes the Machines. The infrastructure comes from the ClusterClass.
	// +optional
	Spec K0sControlPlaneTemplateMachineTemplateSpec `json:"spec,omitempty,omitzero"`
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

	// k0sConfigSpec says how k0s is configured and installed on the machines. Cluster-wide values of k0s are applied to
	// the running cluster; a change of anything else replaces the Machines, one at a time. The type of the storage, the
	// ranges of pods and services, the service domain, the network provider and etcd's max-learners cannot be changed.
	// +optional
	K0sConfigSpec bootstrapv1.K0sConfigSpec `json:"k0sConfigSpec,omitempty,omitzero"`

	// machineNaming says how Machines are named.
	// +optional
	MachineNaming MachineNamingSpec `json:"machineNaming,omitempty,omitzero"`

	// kubeconfigSecretMetadata is added to the Secret with the kubeconfig of the cluster.
	// +optional
	KubeconfigSecretMetadata bootstrapv1.SecretMetadata `json:"kubeconfigSecretMetadata,omitempty,omitzero"`
}

// K0sControlPlaneTemplateResource describes the K0sControlPlane made from a template. The topology controller of Cluster
// API adds replicas, version and the template of the infrastructure.
type K0sControlPlaneTemplateResource struct {
	// metadata are labels and annotations of the object made from the template. What Kubernetes would refuse on it is
	// refused here.
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
