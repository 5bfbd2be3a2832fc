// SPDX-License-Identifier: Apache-2.0

// Package v1beta2 contains the kinds of the lab's infrastructure provider. They exist for tests and are never released.
// +kubebuilder:object:generate=true
// +groupName=infrastructure.cluster.x-k8s.io
package v1beta2
