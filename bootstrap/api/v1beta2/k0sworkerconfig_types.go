// SPDX-License-Identifier: Apache-2.0

package v1beta2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// K0sWorkerConfigSpec says how a machine becomes a k0s worker.
type K0sWorkerConfigSpec struct {
	// version is the k0s version: vX.Y.Z, vX.Y.Z+k0s or vX.Y.Z+k0s.N.
	// A missing build number means the first build, +k0s.0, never the latest.
	// Unset: the version of the Machine. When both are set, X.Y.Z must be equal;
	// the build may differ.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="!self.contains('-k0s')",message="the build number follows a plus sign: v1.36.3+k0s.2, not v1.36.3-k0s.2"
	// +kubebuilder:validation:XValidation:rule="self.contains('-k0s') || self.matches('^v[0-9]+[.][0-9]+[.][0-9]+([+]k0s([.][0-9]+)?)?$')",message="a version has the form vX.Y.Z, vX.Y.Z+k0s or vX.Y.Z+k0s.N, for example v1.36.3+k0s.2"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^v(0|1[.]([0-9]|[12][0-9]|30))[.]')",message="k0s v1.31 is the oldest supported version"
	Version string `json:"version,omitempty"`

	// args are additional flags for `k0s worker`, one per item, each in the form --flag or --flag=value.
	// They reach k0s as they are: no shell sees them and nothing in them is expanded.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(a, a.startsWith('--env=') || self.exists_one(b, b.split('=')[0] == a.split('=')[0]))",message="every flag may occur only once (except --env)"
	Args []WorkerArg `json:"args,omitempty"`

	// nodeLabels are labels with which the Node registers. Labels that a node may not give itself, such as
	// node-role.kubernetes.io/*, belong on the Machine (spec.template.metadata.labels of a MachineDeployment), from where
	// Cluster API copies them to the Node.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="the key of a label is a name of at most 63 letters, digits, dashes, underscores and dots, optionally after a DNS name and a slash"
	// +kubebuilder:validation:XValidation:rule="self.all(k, k in ['kubernetes.io/hostname', 'kubernetes.io/os', 'kubernetes.io/arch', 'beta.kubernetes.io/os', 'beta.kubernetes.io/arch', 'beta.kubernetes.io/instance-type', 'topology.kubernetes.io/zone', 'topology.kubernetes.io/region', 'failure-domain.beta.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/region'] || k.matches('^([^/]*[.])?(node|kubelet)[.]kubernetes[.]io/') || !k.matches('^([^/]*[.])?(kubernetes|k8s)[.]io/'))",message="a node may not give itself this label of kubernetes.io or k8s.io: set it on the Machine (spec.template.metadata.labels of the MachineDeployment), from where Cluster API copies node-role.kubernetes.io/*, node-restriction.kubernetes.io/* and node.cluster.x-k8s.io/* to the Node"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('k0smotron.io/'))",message="labels of k0smotron.io are set by k0smotron itself"
	NodeLabels map[string]LabelValue `json:"nodeLabels,omitempty"`

	// nodeTaints are taints with which the Node registers.
	// +optional
	// +listType=map
	// +listMapKey=key
	// +listMapKey=effect
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	NodeTaints []NodeTaint `json:"nodeTaints,omitempty"`

	InstallSpec `json:",inline"`
}

// WorkerArg is a flag of `k0s worker`.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=1024
// +kubebuilder:validation:XValidation:rule="self.matches('^--[a-zA-Z][a-zA-Z0-9-]*(=[^\\\\n\\\\r]*)?$')",message="an argument has the form --flag or --flag=value, on one line; write the value after an equals sign, not as an item of its own"
// +kubebuilder:validation:XValidation:rule="!self.matches('^[^=]*=[\"\\'].*[\"\\']$')",message="leave out the quotation marks: no shell reads the arguments, k0s would see the marks"
// +kubebuilder:validation:XValidation:rule="!self.contains('{{')",message="arguments are not templates: instance data of cloud-init ({{ }}) is not filled in"
// +kubebuilder:validation:XValidation:rule="self.split('=')[0] != '--token-file' && !self.startsWith('--env=K0S_TOKEN')",message="the join token is set by k0smotron"
// +kubebuilder:validation:XValidation:rule="self.split('=')[0] != '--labels'",message="use spec.nodeLabels instead of --labels"
// +kubebuilder:validation:XValidation:rule="self.split('=')[0] != '--taints'",message="use spec.nodeTaints instead of --taints"
// +kubebuilder:validation:XValidation:rule="!(self.split('=')[0] in ['--force', '--start'])",message="--force and --start are decided by k0smotron"
// +kubebuilder:validation:XValidation:rule="!(self.startsWith('--kubelet-extra-args=') && self.contains('--node-labels'))",message="use spec.nodeLabels instead of the kubelet's --node-labels"
// +kubebuilder:validation:XValidation:rule="!(self.startsWith('--kubelet-extra-args=') && self.contains('--register-with-taints'))",message="use spec.nodeTaints instead of the kubelet's --register-with-taints"
// +kubebuilder:validation:XValidation:rule="self.split('=')[0] != '--data-dir' || self.matches('^--data-dir=(/[A-Za-z0-9_.-]+)+$')",message="--data-dir needs an absolute path without a slash at its end"
type WorkerArg string

// LabelValue is the value of a label.
//
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:Pattern=`^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$`
type LabelValue string

// NodeTaint is a taint with which the Node registers.
//
// +kubebuilder:validation:XValidation:rule="!(self.key == 'node.cluster.x-k8s.io/uninitialized' && self.effect == 'NoSchedule')",message="the taint node.cluster.x-k8s.io/uninitialized:NoSchedule is set by k0smotron and removed by Cluster API"
type NodeTaint struct {
	// key of the taint.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:XValidation:rule="self.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$')",message="the key of a taint is a name of at most 63 letters, digits, dashes, underscores and dots, optionally after a DNS name and a slash"
	Key string `json:"key,omitempty"`

	// value of the taint.
	// +optional
	Value *LabelValue `json:"value,omitempty"`

	// effect of the taint: NoSchedule, PreferNoSchedule or NoExecute.
	// +required
	// +kubebuilder:validation:Enum=NoSchedule;PreferNoSchedule;NoExecute
	Effect string `json:"effect,omitempty"`
}

// K0sWorkerConfig turns a Machine into a k0s worker: it renders the user data with which the machine installs k0s and
// joins the cluster, and looks after the join token until it has.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
// +kubebuilder:resource:path=k0sworkerconfigs,scope=Namespaced,categories=cluster-api,shortName=k0swc
// +kubebuilder:metadata:labels="cluster.x-k8s.io/v1beta2=v1beta2"
// +kubebuilder:printcolumn:name="Cluster",type="string",JSONPath=`.metadata.labels['cluster\.x-k8s\.io/cluster-name']`,description="Cluster the machine belongs to"
// +kubebuilder:printcolumn:name="Machine",type="string",JSONPath=`.metadata.ownerReferences[?(@.kind=="Machine")].name`,description="Machine the config belongs to"
// +kubebuilder:printcolumn:name="Data Secret",type="string",JSONPath=`.status.dataSecretName`,description="Secret with the bootstrap data"
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether the machine can be created and join"
// +kubebuilder:printcolumn:name="Paused",type="string",priority=10,JSONPath=`.status.conditions[?(@.type=="Paused")].status`,description="Whether the config is paused"
// +kubebuilder:printcolumn:name="Reason",type="string",priority=10,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Reason of Ready"
// +kubebuilder:printcolumn:name="Message",type="string",priority=10,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,description="What is awaited"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`,description="Time since the config was created"
// +kubebuilder:printcolumn:name="Version",type="string",JSONPath=`.spec.version`,description="k0s version, if the config names one"
type K0sWorkerConfig struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says how the machine becomes a worker.
	// +optional
	Spec K0sWorkerConfigSpec `json:"spec,omitempty,omitzero"`

	// status tells where the bootstrap of the machine stands.
	// +optional
	Status ConfigStatus `json:"status,omitempty,omitzero"`
}

// GetConditions returns the conditions.
func (c *K0sWorkerConfig) GetConditions() []metav1.Condition {
	return c.Status.Conditions
}

// SetConditions replaces the conditions.
func (c *K0sWorkerConfig) SetConditions(conditions []metav1.Condition) {
	c.Status.Conditions = conditions
}

// SetObservedGeneration records the generation that the status describes.
func (c *K0sWorkerConfig) SetObservedGeneration(generation int64) {
	c.Status.ObservedGeneration = generation
}

// K0sWorkerConfigList is a list of K0sWorkerConfigs.
//
// +kubebuilder:object:root=true
type K0sWorkerConfigList struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard list's metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the configs.
	Items []K0sWorkerConfig `json:"items"`
}
