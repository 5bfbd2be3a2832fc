// SPDX-License-Identifier: Apache-2.0

package v1beta2

import (
	"k8s.io/apimachinery/pkg/runtime"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
)

// UpdateStrategy is how Machines are replaced when what they should be has changed.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:XValidation:rule="self != 'InPlace'",message="updateStrategy InPlace does not exist yet: write Recreate, which adds a new machine before it removes an old one, or RecreateDeleteFirst, which needs no additional machine"
// +kubebuilder:validation:XValidation:rule="self in ['InPlace', 'Recreate', 'RecreateDeleteFirst']",message="updateStrategy must be Recreate or RecreateDeleteFirst"
type UpdateStrategy string

// The update strategies.
const (
	// UpdateStrategyRecreate adds a new Machine before it removes an old one.
	UpdateStrategyRecreate UpdateStrategy = "Recreate"
	// UpdateStrategyRecreateDeleteFirst removes an old Machine before it adds a new one, for sites without a spare machine.
	UpdateStrategyRecreateDeleteFirst UpdateStrategy = "RecreateDeleteFirst"
)

// MachineNamingSpec says how Machines are named.
//
// +kubebuilder:validation:MinProperties=1
type MachineNamingSpec struct {
	// template is the pattern of Machine names. {{ .random }} stands for five random characters and must occur once;
	// {{ .cluster.name }} for the name of the Cluster and {{ .k0sControlPlane.name }} for that of this object.
	// What would make a name longer than 63 characters is cut. Unset: {{ .k0sControlPlane.name }}-{{ .random }}.
	// It takes effect for Machines made afterwards.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.matches('^([a-z0-9-]|[{][{] *[.](random|cluster[.]name|k0sControlPlane[.]name) *[}][}])+$')",message="machineNaming.template is made of lower-case letters, digits, dashes and the placeholders {{ .random }}, {{ .cluster.name }} and {{ .k0sControlPlane.name }}"
	// +kubebuilder:validation:XValidation:rule="self.split('.random').size() == 2",message="machineNaming.template must contain {{ .random }} exactly once: no two Machines may have the same name"
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('-') && !self.endsWith('-')",message="machineNaming.template must not begin or end with a dash"
	Template string `json:"template,omitempty"`
}

// MachineDeletionSpec says how long the deletion of a Machine may wait for its Node.
//
// +kubebuilder:validation:MinProperties=1
type MachineDeletionSpec struct {
	// nodeDrainTimeoutSeconds is how long draining the Node may take. 0 or unset: as long as it takes.
	// +optional
	// +kubebuilder:validation:Minimum=0
	NodeDrainTimeoutSeconds *int32 `json:"nodeDrainTimeoutSeconds,omitempty"`

	// nodeVolumeDetachTimeoutSeconds is how long detaching volumes may take. 0 or unset: as long as it takes.
	// +optional
	// +kubebuilder:validation:Minimum=0
	NodeVolumeDetachTimeoutSeconds *int32 `json:"nodeVolumeDetachTimeoutSeconds,omitempty"`

	// nodeDeletionTimeoutSeconds is how long deleting the Node is tried. 0: for ever. Unset: Cluster API's default.
	// +optional
	// +kubebuilder:validation:Minimum=0
	NodeDeletionTimeoutSeconds *int32 `json:"nodeDeletionTimeoutSeconds,omitempty"`
}

// MachineTemplateSpec describes the Machines of a control plane.
//
// +kubebuilder:validation:MinProperties=1
type MachineTemplateSpec struct {
	// infrastructureRef names the template of the machines' infrastructure, in the namespace of this object. With another
	// template the Machines are replaced, one at a time.
	// +optional
	InfrastructureRef clusterv1.ContractVersionedObjectReference `json:"infrastructureRef,omitempty,omitzero"` //nolint:kubeapilinter // Cluster API's contract calls it a Ref.

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

// MachineTemplate describes the Machines of a control plane.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.infrastructureRef)",message="machineTemplate.infrastructureRef has moved: write machineTemplate.spec.infrastructureRef with apiGroup, kind and name, for example {apiGroup: infrastructure.cluster.x-k8s.io, kind: MyMachineTemplate, name: my-template}",fieldPath=".infrastructureRef"
// +kubebuilder:validation:XValidation:rule="has(self.infrastructureRef) || (has(self.spec) && has(self.spec.infrastructureRef))",message="machineTemplate.spec.infrastructureRef is required: the template of the machines' infrastructure"
type MachineTemplate struct {
	// metadata are labels and annotations of the Machines and of the objects behind them. A change reaches them in place.
	// What Kubernetes would refuse on those objects is refused here.
	// +optional
	ObjectMeta clusterv1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec describes the Machines.
	// +optional
	Spec MachineTemplateSpec `json:"spec,omitempty,omitzero"`

	// infrastructureRef is always refused; it is known only so that the refusal can say what to write instead.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	InfrastructureRef runtime.RawExtension `json:"infrastructureRef,omitempty,omitzero"` //nolint:kubeapilinter // Upstream's field, refused.
}
