// SPDX-License-Identifier: Apache-2.0

// Package v1beta2 holds the kinds of the control plane provider for Machines: K0sControlPlane, a k0s control plane that
// runs on Machines, and its template for ClusterClasses.
//
// Field names follow upstream k0smotron's v1beta2 so that manifests carry over, and Cluster API's contract where the two
// differ. A field is here only when it works.
//
// +kubebuilder:object:generate=true
// +groupName=controlplane.cluster.x-k8s.io
package v1beta2
