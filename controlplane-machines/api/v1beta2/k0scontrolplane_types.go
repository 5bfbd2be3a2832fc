// SPDX-License-Identifier: Apache-2.0

package v1beta2

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
)

// ControlPlaneFinalizer keeps a K0sControlPlane until the workers and then its Machines are gone.
const ControlPlaneFinalizer = "k0scontrolplane.controlplane.cluster.x-k8s.io"

// K0sControlPlaneSpec is the wished state of a control plane on Machines.
//
// +kubebuilder:validation:XValidation:rule="!has(self.updateStrategy) || self.updateStrategy != 'RecreateDeleteFirst' || (has(self.replicas) && self.replicas >= 3)",message="updateStrategy RecreateDeleteFirst needs at least 3 replicas: with fewer, etcd cannot do without the machine that is deleted first; write Recreate",fieldPath=".updateStrategy"
type K0sControlPlaneSpec struct {
	// replicas is the number of Machines: an odd number with the etcd that k0s runs, any with kine or an etcd of your own.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	Replicas *int32 `json:"replicas,omitempty"` //nolint:kubeapilinter // The scale subresource reads the field itself.

	// version is the k0s version: vX.Y.Z, vX.Y.Z+k0s or vX.Y.Z+k0s.N. A missing build number means +k0s.0.
	// At most one minor version up at a time, and never a lower minor.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="!self.contains('-k0s')",message="version has the form of an image tag: write vX.Y.Z+k0s.N with a plus sign"
	// +kubebuilder:validation:XValidation:rule="self.contains('-k0s') || self.matches('^v?1[.][0-9]{1,3}[.][0-9]{1,3}([+]k0s([.][0-9]{1,4})?)?$')",message="version must be vX.Y.Z, vX.Y.Z+k0s or vX.Y.Z+k0s.N, for example v1.36.3+k0s.2"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^v?1[.][0-9]{1,3}[.]') || int(self.split('.')[1]) >= 31",message="version is older than v1.31, the oldest k0s this provider runs"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^v?1[.][0-9]{1,3}[.]') || !oldSelf.matches('^v?1[.][0-9]{1,3}[.]') || int(self.split('.')[1]) >= int(oldSelf.split('.')[1])",message="version has a lower minor than before: Kubernetes cannot go back a minor version; restore a backup into a new Cluster instead"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^v?1[.][0-9]{1,3}[.]') || !oldSelf.matches('^v?1[.][0-9]{1,3}[.]') || int(self.split('.')[1]) <= int(oldSelf.split('.')[1]) + 1",message="version skips a minor: upgrade one minor version at a time and wait for it to finish"
	Version string `json:"version,omitempty"`

	// machineTemplate describes the Machines.
	// +required
	MachineTemplate MachineTemplate `json:"machineTemplate,omitempty,omitzero"`

	// updateStrategy is how Machines are replaced: Recreate adds a new one before it removes an old one,
	// RecreateDeleteFirst removes an old one before it adds a new one and needs at least 3 replicas.
	// +optional
	// +kubebuilder:default=Recreate
	UpdateStrategy UpdateStrategy `json:"updateStrategy,omitempty"` //nolint:kubeapilinter // Stored, so that a later default leaves this object as it is.

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

// K0sControlPlaneInitializationStatus tells how far the first start has come.
// +kubebuilder:validation:MinProperties=1
type K0sControlPlaneInitializationStatus struct {
	// controlPlaneInitialized is true once the API server has answered through the endpoint of the Cluster.
	// It never goes back.
	// +optional
	ControlPlaneInitialized *bool `json:"controlPlaneInitialized,omitempty"`
}

// K0sControlPlaneStatus is the observed state of a control plane on Machines.
// +kubebuilder:validation:MinProperties=1
type K0sControlPlaneStatus struct {
	// conditions tell the state of the parts of this control plane.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// initialization tells how far the first start has come.
	// +optional
	Initialization K0sControlPlaneInitializationStatus `json:"initialization,omitempty,omitzero"`

	// selector selects the Machines, for the scale subresource.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Selector string `json:"selector,omitempty"`

	// replicas is the number of Machines that exist.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Replicas *int32 `json:"replicas,omitempty"`

	// readyReplicas is the number of Machines whose controller works: its API server, k0s itself and its etcd member.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ReadyReplicas *int32 `json:"readyReplicas,omitempty"`

	// availableReplicas is the number of Machines that are ready and not about to go.
	// +optional
	// +kubebuilder:validation:Minimum=0
	AvailableReplicas *int32 `json:"availableReplicas,omitempty"`

	// upToDateReplicas is the number of Machines that are what the spec asks for.
	// +optional
	// +kubebuilder:validation:Minimum=0
	UpToDateReplicas *int32 `json:"upToDateReplicas,omitempty"`

	// versions lists the versions that run, the oldest first, in the form of spec.version.
	// +optional
	// +listType=map
	// +listMapKey=version
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	Versions []clusterv1.StatusVersion `json:"versions,omitempty"`

	// version is the oldest version that runs, in the form of spec.version.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Version string `json:"version,omitempty"`

	// certificatesExpiryDate is when the first of the certificates in use expires. k0s renews its own when it starts.
	// +optional
	CertificatesExpiryDate metav1.Time `json:"certificatesExpiryDate,omitempty,omitzero"`

	// observedGeneration is the generation of the spec that this status was computed from.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
}

// K0sControlPlane is a k0s control plane that runs on Machines.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:storageversion
// +kubebuilder:resource:path=k0scontrolplanes,scope=Namespaced,categories=cluster-api,shortName=k0scp
// +kubebuilder:metadata:labels={"cluster.x-k8s.io/v1beta2=v1beta2"}
// +kubebuilder:printcolumn:name="Cluster",type="string",JSONPath=".metadata.labels['cluster\\.x-k8s\\.io/cluster-name']",description="Cluster"
// +kubebuilder:printcolumn:name="Initialized",type="boolean",JSONPath=".status.initialization.controlPlaneInitialized",description="The API server has answered through its endpoint"
// +kubebuilder:printcolumn:name="Available",type="string",JSONPath=".status.conditions[?(@.type=='Available')].status",description="The control plane works"
// +kubebuilder:printcolumn:name="Desired",type="integer",JSONPath=".spec.replicas",description="Wished Machines"
// +kubebuilder:printcolumn:name="Current",type="integer",JSONPath=".status.replicas",description="Machines that exist"
// +kubebuilder:printcolumn:name="Ready",type="integer",JSONPath=".status.readyReplicas",description="Machines whose controller works"
// +kubebuilder:printcolumn:name="Up-to-date",type="integer",JSONPath=".status.upToDateReplicas",description="Machines that are what the spec asks for"
// +kubebuilder:printcolumn:name="Version",type="string",JSONPath=".status.version",description="Oldest k0s version that runs"
// +kubebuilder:printcolumn:name="Strategy",type="string",JSONPath=".spec.updateStrategy",description="How Machines are replaced",priority=10
// +kubebuilder:printcolumn:name="Etcd",type="string",JSONPath=".status.conditions[?(@.type=='EtcdClusterHealthy')].status",description="Every member of etcd is healthy",priority=10
// +kubebuilder:printcolumn:name="Paused",type="string",JSONPath=".status.conditions[?(@.type=='Paused')].status",description="Reconciliation is paused",priority=10
// +kubebuilder:printcolumn:name="Message",type="string",JSONPath=".status.conditions[?(@.type=='Available')].message",description="What is awaited",priority=10
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp",description="Time since creation"
type K0sControlPlane struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the wished state.
	// +required
	Spec K0sControlPlaneSpec `json:"spec,omitempty,omitzero"`

	// status is the observed state.
	// +optional
	Status K0sControlPlaneStatus `json:"status,omitempty,omitzero"`
}

// GetConditions returns the conditions, for the condition helpers of Cluster API.
func (c *K0sControlPlane) GetConditions() []metav1.Condition {
	return c.Status.Conditions
}

// SetConditions replaces the conditions, for the condition helpers of Cluster API.
func (c *K0sControlPlane) SetConditions(conditions []metav1.Condition) {
	c.Status.Conditions = conditions
}

// SetObservedGeneration records the generation that the status describes.
func (c *K0sControlPlane) SetObservedGeneration(generation int64) {
	c.Status.ObservedGeneration = generation
}

// Initialized tells whether the API server has ever answered through the endpoint of the Cluster.
func (c *K0sControlPlane) Initialized() bool {
	initialized := c.Status.Initialization.ControlPlaneInitialized
	return initialized != nil && *initialized
}

// CertificatesExpire is when the first certificate in use expires; the zero time while that is not known.
func (c *K0sControlPlane) CertificatesExpire() time.Time { return c.Status.CertificatesExpiryDate.Time }

// WishedReplicas is the number of Machines that the spec asks for.
func (c *K0sControlPlane) WishedReplicas() int32 {
	if c.Spec.Replicas == nil {
		return 1
	}
	return *c.Spec.Replicas
}

// K0sControlPlaneList is a list of K0sControlPlanes.
//
// +kubebuilder:object:root=true
type K0sControlPlaneList struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard list metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the objects of the list.
	Items []K0sControlPlane `json:"items"`
}
