// SPDX-License-Identifier: Apache-2.0

package v1beta2

// InstallSpec says how k0s gets onto a machine and what is done before and after that, whatever the machine becomes.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.preInstalledK0s) && self.preInstalledK0s && has(self.downloadURL))",message="preInstalledK0s and downloadURL exclude each other: remove downloadURL when k0s is part of the machine image"
// +kubebuilder:validation:XValidation:rule="!(has(self.preInstalledK0s) && self.preInstalledK0s && has(self.downloadOptions))",message="preInstalledK0s and downloadOptions exclude each other: remove downloadOptions when k0s is part of the machine image"
type InstallSpec struct {
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

	// secretMetadata is added to the Secret that holds the bootstrap data.
	// +optional
	SecretMetadata SecretMetadata `json:"secretMetadata,omitempty,omitzero"`
}

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
