// SPDX-License-Identifier: Apache-2.0

package v1beta2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// K0sWorkerConfigSpec says how a machine becomes a k0s worker.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.preInstalledK0s) && self.preInstalledK0s && has(self.downloadURL))",message="preInstalledK0s and downloadURL exclude each other: remove downloadURL when k0s is part of the machine image"
// +kubebuilder:validation:XValidation:rule="!(has(self.preInstalledK0s) && self.preInstalledK0s && has(self.downloadOptions))",message="preInstalledK0s and downloadOptions exclude each other: remove downloadOptions when k0s is part of the machine image"
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

	// files are written to the machine before anything runs.
	// +optional
	// +listType=map
	// +listMapKey=path
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	Files []File `json:"files,omitempty"`

	// preK0sCommands run in order before k0s is downloaded and installed. Each is a script of its own for sh;
	// variables do not carry over. A command that fails is tried again, one that succeeded never runs twice.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=16384
	PreK0sCommands []string `json:"preK0sCommands,omitempty"`

	// postK0sCommands run in order after the node has joined, in the same way as preK0sCommands.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=16384
	PostK0sCommands []string `json:"postK0sCommands,omitempty"`

	// downloadURL is where the machine fetches the k0s binary, http or https. {version} stands for the exact k0s
	// release (URL-encoded) and {arch} for the machine's architecture: amd64, arm64 or arm.
	// Unset: the release of the k0s project, checked against the checksums published with it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.startsWith('http://') || self.startsWith('https://')",message="downloadURL must begin with http:// or https://"
	// +kubebuilder:validation:XValidation:rule="self.matches('^[!-~]*$')",message="downloadURL must not contain blanks, control characters or characters outside of ASCII: percent-encode them"
	// +kubebuilder:validation:XValidation:rule=`!self.replace('{version}', "").replace('{arch}', "").matches('[{}]')`,message="downloadURL knows the placeholders {version} and {arch} only"
	DownloadURL string `json:"downloadURL,omitempty"`

	// downloadOptions says how the download is checked.
	// +optional
	DownloadOptions DownloadOptions `json:"downloadOptions,omitempty,omitzero"`

	// preInstalledK0s is true when the machine image contains k0s already; then nothing is downloaded.
	// +optional
	PreInstalledK0s *bool `json:"preInstalledK0s,omitempty"`

	// k0sInstallDir is the directory of the k0s binary, which is named k0s. Unset: /usr/local/bin.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule="self.matches('^(/[A-Za-z0-9_.-]+)+$') && !self.matches('/[.]{1,2}(/|$)')",message="k0sInstallDir must be an absolute path without a slash at its end, made of letters, digits, dots, dashes and underscores"
	K0sInstallDir string `json:"k0sInstallDir,omitempty"`

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

	// secretMetadata is added to the Secret that holds the bootstrap data.
	// +optional
	SecretMetadata SecretMetadata `json:"secretMetadata,omitempty,omitzero"`
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

// DownloadOptions says how the download of k0s is checked.
//
// +kubebuilder:validation:MinProperties=1
type DownloadOptions struct {
	// checksums are the SHA-256 sums of the k0s binary, one per architecture. The machine installs nothing else;
	// a machine of an architecture that is not listed installs nothing at all.
	// Unset: with downloadURL the download is not checked, without it the published checksum is used.
	// +optional
	// +listType=map
	// +listMapKey=arch
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	Checksums []Checksum `json:"checksums,omitempty"`
}

// Checksum is the SHA-256 sum of the k0s binary for one architecture.
type Checksum struct {
	// arch is the architecture of the machine: amd64, arm64 or arm.
	// +required
	// +kubebuilder:validation:Enum=amd64;arm64;arm
	Arch string `json:"arch,omitempty"`

	// sha256 is the sum as 64 hexadecimal digits in lower case.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9a-f]{64}$')",message="sha256 is 64 hexadecimal digits in lower case, as sha256sum prints them"
	SHA256 string `json:"sha256,omitempty"`
}

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

// K0sWorkerConfigStatus is what the provider says about a config.
//
// +kubebuilder:validation:MinProperties=1
type K0sWorkerConfigStatus struct {
	// conditions tell where the bootstrap of the machine stands: Ready, DataSecretAvailable, CertificatesAvailable,
	// ControlPlaneJoinable and Paused.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// initialization is how Cluster API learns that the machine can be created.
	// +optional
	Initialization BootstrapInitializationStatus `json:"initialization,omitempty,omitzero"`

	// dataSecretName is the name of the Secret with the bootstrap data.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	DataSecretName string `json:"dataSecretName,omitempty"`

	// observedGeneration is the generation of the spec that the status describes.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
}

// BootstrapInitializationStatus is part of Cluster API's contract.
//
// +kubebuilder:validation:MinProperties=1
type BootstrapInitializationStatus struct {
	// dataSecretCreated is true once the Secret with the bootstrap data exists.
	// +optional
	DataSecretCreated *bool `json:"dataSecretCreated,omitempty"`
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
	Status K0sWorkerConfigStatus `json:"status,omitempty,omitzero"`
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
