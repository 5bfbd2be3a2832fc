// SPDX-License-Identifier: Apache-2.0

package v1beta2

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
)

// ControlPlaneFinalizer keeps a K0smotronControlPlane until no Machine of its Cluster is left, because draining and
// deleting Nodes needs the API server it runs.
const ControlPlaneFinalizer = "k0smotroncontrolplane.controlplane.cluster.x-k8s.io"

// K0smotronControlPlaneSpec is the wished state of a hosted control plane.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.image) || !self.image.matches('^.+:[^/]*$') || (self.image.substring(self.image.lastIndexOf(':') + 1) + '-').startsWith((self.version.startsWith('v') ? "" : 'v') + self.version.split('+')[0] + '-')`,message="image names another Kubernetes release than version: only another k0s build of the same vX.Y.Z may be given as tag; to upgrade, change version and the tag of image in one edit, or leave the tag out",fieldPath=".image"
// +kubebuilder:validation:XValidation:rule=`!has(self.externalAddress) || !has(self.controlPlaneEndpoint) || !has(self.controlPlaneEndpoint.host) || self.externalAddress.replace('[', "").replace(']', "") == self.controlPlaneEndpoint.host || (has(self.controlPlaneEndpoint.port) && self.externalAddress.replace('[', "").replace(']', "").startsWith(self.controlPlaneEndpoint.host + ':') && self.externalAddress.matches(':[0-9]{1,5}$') && int(self.externalAddress.substring(self.externalAddress.lastIndexOf(':') + 1)) == self.controlPlaneEndpoint.port)`,message="externalAddress differs from controlPlaneEndpoint: the endpoint is fixed once it is set, because every machine and kubeconfig uses it; set externalAddress to the same host (and port) or remove it",fieldPath=".externalAddress"
// +kubebuilder:validation:XValidation:rule="!has(self.controlPlaneEndpoint) || (has(self.controlPlaneEndpoint.host) && has(self.controlPlaneEndpoint.port))",message="controlPlaneEndpoint needs both host and port; leave it out to have it filled in",fieldPath=".controlPlaneEndpoint"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.controlPlaneEndpoint) || (has(self.controlPlaneEndpoint) && self.controlPlaneEndpoint == oldSelf.controlPlaneEndpoint)",message="controlPlaneEndpoint is fixed once it is set, because every machine and kubeconfig uses it; to move a cluster point the same DNS name elsewhere, or create a new Cluster",fieldPath=".controlPlaneEndpoint"
// +kubebuilder:validation:XValidation:rule="has(self.externalAddress) || !has(oldSelf.controlPlaneEndpoint) || (has(self.service) && has(self.service.type) ? self.service.type : 'ClusterIP') == (has(oldSelf.service) && has(oldSelf.service.type) ? oldSelf.service.type : 'ClusterIP')",message="service.type can only change while externalAddress is set: machines reach this control plane under the address of its Service; create a new Cluster with an externalAddress of its own and move the workload",fieldPath=".service"
type K0smotronControlPlaneSpec struct {
	// replicas is the number of control plane pods. Only 1 is possible now.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:XValidation:rule="self == 1",message="replicas must be 1: more than one control plane pod is not possible yet"
	Replicas *int32 `json:"replicas,omitempty"` //nolint:kubeapilinter // The scale subresource reads the field itself.

	// version is the k0s version: vX.Y.Z, vX.Y.Z+k0s or vX.Y.Z+k0s.N. Without a build number the image with +k0s.0
	// is used, unless image names another build. At most one minor version up at a time, and never a lower minor.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="!self.contains('-k0s')",message="version has the form of an image tag: write vX.Y.Z+k0s.N with a plus sign"
	// +kubebuilder:validation:XValidation:rule="self.contains('-k0s') || self.matches('^v?1[.][0-9]{1,3}[.][0-9]{1,3}([+]k0s([.][0-9]{1,4})?)?$')",message="version must be vX.Y.Z, vX.Y.Z+k0s or vX.Y.Z+k0s.N, for example v1.36.3+k0s.2"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^v?1[.][0-9]{1,3}[.]') || int(self.split('.')[1]) >= 31",message="version is older than v1.31, the oldest k0s this provider runs"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^v?1[.][0-9]{1,3}[.]') || !oldSelf.matches('^v?1[.][0-9]{1,3}[.]') || int(self.split('.')[1]) >= int(oldSelf.split('.')[1])",message="version has a lower minor than before: Kubernetes cannot go back a minor version; restore a backup into a new Cluster instead"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^v?1[.][0-9]{1,3}[.]') || !oldSelf.matches('^v?1[.][0-9]{1,3}[.]') || int(self.split('.')[1]) <= int(oldSelf.split('.')[1]) + 1",message="version skips a minor: upgrade one minor version at a time and wait for it to finish"
	Version string `json:"version,omitempty"`

	// controlPlaneEndpoint is where machines and clients reach the API server. When it is not set, it is filled once,
	// when the address is known, in the certificate and answering. When it is set, it is taken as it is.
	// +optional
	ControlPlaneEndpoint clusterv1.APIEndpoint `json:"controlPlaneEndpoint,omitempty,omitzero"`

	ControlPlaneSettings `json:",inline"`
}

// K0smotronControlPlaneInitializationStatus tells how far the first start has come.
// +kubebuilder:validation:MinProperties=1
type K0smotronControlPlaneInitializationStatus struct {
	// controlPlaneInitialized is true once the API server has answered through the address that machines use.
	// It never goes back.
	// +optional
	ControlPlaneInitialized *bool `json:"controlPlaneInitialized,omitempty"`
}

// K0smotronControlPlaneStatus is the observed state of a hosted control plane.
// +kubebuilder:validation:MinProperties=1
type K0smotronControlPlaneStatus struct {
	// conditions tell the state of the parts of this control plane.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// initialization tells how far the first start has come.
	// +optional
	Initialization K0smotronControlPlaneInitializationStatus `json:"initialization,omitempty,omitzero"`

	// selector selects the control plane pods, for the scale subresource.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Selector string `json:"selector,omitempty"`

	// replicas is the number of control plane pods that exist.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Replicas *int32 `json:"replicas,omitempty"`

	// readyReplicas is the number of control plane pods whose API server answers.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ReadyReplicas *int32 `json:"readyReplicas,omitempty"`

	// availableReplicas is the number of control plane pods that have been ready long enough to count.
	// +optional
	// +kubebuilder:validation:Minimum=0
	AvailableReplicas *int32 `json:"availableReplicas,omitempty"`

	// upToDateReplicas is the number of control plane pods that run what the spec asks for.
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

	// externalManagedControlPlane is always true: no Machine stands behind this control plane.
	// +optional
	ExternalManagedControlPlane *bool `json:"externalManagedControlPlane,omitempty"`

	// certificatesExpiryDate is when the first of the certificates in use expires. They are renewed long before.
	// +optional
	CertificatesExpiryDate metav1.Time `json:"certificatesExpiryDate,omitempty,omitzero"`

	// observedGeneration is the generation of the spec that this status was computed from.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
}

// K0smotronControlPlane is a k0s control plane that runs as pods in the management cluster.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:storageversion
// +kubebuilder:resource:path=k0smotroncontrolplanes,scope=Namespaced,categories=cluster-api,shortName=k0smcp
// +kubebuilder:metadata:labels={"cluster.x-k8s.io/v1beta2=v1beta2"}
// +kubebuilder:printcolumn:name="Cluster",type="string",JSONPath=".metadata.labels['cluster\\.x-k8s\\.io/cluster-name']",description="Cluster"
// +kubebuilder:printcolumn:name="Initialized",type="boolean",JSONPath=".status.initialization.controlPlaneInitialized",description="The API server has answered through its endpoint"
// +kubebuilder:printcolumn:name="Available",type="string",JSONPath=".status.conditions[?(@.type=='Available')].status",description="The control plane works"
// +kubebuilder:printcolumn:name="Version",type="string",JSONPath=".status.version",description="k0s version that runs"
// +kubebuilder:printcolumn:name="Endpoint",type="string",JSONPath=".spec.controlPlaneEndpoint.host",description="Host machines and clients use"
// +kubebuilder:printcolumn:name="Port",type="integer",JSONPath=".spec.controlPlaneEndpoint.port",description="Port machines and clients use"
// +kubebuilder:printcolumn:name="Desired",type="integer",JSONPath=".spec.replicas",description="Wished pods",priority=10
// +kubebuilder:printcolumn:name="Ready",type="integer",JSONPath=".status.readyReplicas",description="Ready pods",priority=10
// +kubebuilder:printcolumn:name="Up-to-date",type="integer",JSONPath=".status.upToDateReplicas",description="Pods that run what the spec asks for",priority=10
// +kubebuilder:printcolumn:name="Paused",type="string",JSONPath=".status.conditions[?(@.type=='Paused')].status",description="Reconciliation is paused",priority=10
// +kubebuilder:printcolumn:name="Message",type="string",JSONPath=".status.conditions[?(@.type=='Available')].message",description="What is awaited",priority=10
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp",description="Time since creation"
type K0smotronControlPlane struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the wished state.
	// +required
	Spec K0smotronControlPlaneSpec `json:"spec,omitempty,omitzero"`

	// status is the observed state.
	// +optional
	Status K0smotronControlPlaneStatus `json:"status,omitempty,omitzero"`
}

// GetConditions returns the conditions, for the condition helpers of Cluster API.
func (c *K0smotronControlPlane) GetConditions() []metav1.Condition {
	return c.Status.Conditions
}

// SetConditions replaces the conditions, for the condition helpers of Cluster API.
func (c *K0smotronControlPlane) SetConditions(conditions []metav1.Condition) {
	c.Status.Conditions = conditions
}

// SetObservedGeneration records the generation that the status describes.
func (c *K0smotronControlPlane) SetObservedGeneration(generation int64) {
	c.Status.ObservedGeneration = generation
}

// Initialized tells whether the API server has ever answered through its endpoint.
func (c *K0smotronControlPlane) Initialized() bool {
	initialized := c.Status.Initialization.ControlPlaneInitialized
	return initialized != nil && *initialized
}

// CertificatesExpire is when the first certificate in use expires; the zero time while that is not known.
func (c *K0smotronControlPlane) CertificatesExpire() time.Time {
	return c.Status.CertificatesExpiryDate.Time
}

// K0smotronControlPlaneList is a list of K0smotronControlPlanes.
//
// +kubebuilder:object:root=true
type K0smotronControlPlaneList struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard list metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the objects of the list.
	Items []K0smotronControlPlane `json:"items"`
}
