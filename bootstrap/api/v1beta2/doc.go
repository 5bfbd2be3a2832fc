// SPDX-License-Identifier: Apache-2.0

// Package v1beta2 is the API of the bootstrap provider: what a user says about
// a k0s node, and what the provider says back.
//
// The package is a leaf. It depends on Kubernetes' and Cluster API's types
// only, so that other projects can import it without our controllers.
//
// Everything a user can get wrong is refused by the schema (patterns, lengths
// and CEL rules), with a message that names the fix. There is no defaulting:
// an unset field stays unset, and its comment tells what that means.
//
// +kubebuilder:object:generate=true
// +groupName=bootstrap.cluster.x-k8s.io
package v1beta2
