// SPDX-License-Identifier: Apache-2.0

package v1beta2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ConfigStatus is what the provider says about a config, whatever its kind.
//
// +kubebuilder:validation:MinProperties=1
type ConfigStatus struct {
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
