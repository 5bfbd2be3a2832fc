// SPDX-License-Identifier: Apache-2.0

package v1beta2

// File is a file on the machine.
//
// +kubebuilder:validation:XValidation:rule="has(self.content) != has(self.contentFrom)",message="a file has exactly one of content and contentFrom"
type File struct {
	// path is where the file is written: an absolute, cleaned path.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.startsWith('/') && !self.endsWith('/')",message="path must be the absolute path of a file"
	// +kubebuilder:validation:XValidation:rule="!self.matches('//|/[.]{1,2}(/|$)')",message="path must not contain empty, . or .. parts"
	// +kubebuilder:validation:XValidation:rule="self.matches('^[ -~]*$')",message="path must be made of printable ASCII characters"
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/etc/k0smotron/') && !self.startsWith('/var/lib/k0smotron/') && !self.startsWith('/run/cluster-api/') && !self.startsWith('/run/k0smotron/') && !(self in ['/etc/k0s/join-token', '/etc/systemd/system/k0smotron-bootstrap.service', '/var/log/k0smotron-bootstrap.log'])",message="path is one of those that k0smotron uses itself: choose another"
	Path string `json:"path,omitempty"`

	// content is the text of the file.
	// +optional
	// +kubebuilder:validation:MaxLength=524288
	Content *string `json:"content,omitempty"`

	// contentFrom takes the content from a Secret or ConfigMap in the namespace of the config.
	// It is read once, when the bootstrap data is made.
	// +optional
	ContentFrom FileSource `json:"contentFrom,omitempty,omitzero"`

	// permissions are the octal permissions of the file, such as 0640.
	// Unset: 0600 when the content comes from a Secret, else 0644.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-7]{3,4}$')",message="permissions are three or four octal digits, such as 0640"
	Permissions string `json:"permissions,omitempty"`
}

// FileSource is where the content of a file comes from.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="has(self.secretRef) != has(self.configMapRef)",message="contentFrom has exactly one of secretRef and configMapRef"
type FileSource struct {
	// secretRef names a key of a Secret.
	// +optional
	SecretRef KeyReference `json:"secretRef,omitempty,omitzero"`

	// configMapRef names a key of a ConfigMap.
	// +optional
	ConfigMapRef KeyReference `json:"configMapRef,omitempty,omitzero"`
}

// KeyReference names a key of a Secret or ConfigMap.
type KeyReference struct {
	// name of the Secret or ConfigMap.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",message="name must be the name of an object: lower-case letters, digits, dashes and dots"
	Name string `json:"name,omitempty"`

	// key in its data.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$')",message="key must be made of letters, digits, dashes, underscores and dots"
	Key string `json:"key,omitempty"`
}

// SecretMetadata is added to the Secret that holds the bootstrap data.
//
// +kubebuilder:validation:MinProperties=1
type SecretMetadata struct {
	// labels are added to the labels that the Secret has anyway.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.indexOf('/') <= 253 && k.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="the key of a label is a name of at most 63 letters, digits, dashes, underscores and dots, optionally after a DNS name and a slash"
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.startsWith('clusterctl.cluster.x-k8s.io/') || !k.matches('^([^/]*[.])?(cluster[.]x-k8s[.]io|k0smotron[.]io)/'))",message="labels of cluster.x-k8s.io and k0smotron.io are set by k0smotron itself"
	Labels map[string]LabelValue `json:"labels,omitempty"`

	// annotations are added to the annotations that the Secret has anyway.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.indexOf('/') <= 253 && k.matches('^([A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?([.][A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="the key of an annotation is a name of at most 63 letters, digits, dashes, underscores and dots, optionally after a DNS name and a slash"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.matches('^([^/]*[.])?k0smotron[.]io/'))",message="annotations of k0smotron.io are set by k0smotron itself"
	// +kubebuilder:validation:XValidation:rule="self.map(k, bytes(k).size() + bytes(self[k]).size()).sum() <= 262144",message="annotations may have 256 KiB in all"
	Annotations map[string]AnnotationValue `json:"annotations,omitempty"`
}

// AnnotationValue is the value of an annotation.
//
// +kubebuilder:validation:MaxLength=65536
type AnnotationValue string
