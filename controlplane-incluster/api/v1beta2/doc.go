// SPDX-License-Identifier: Apache-2.0

// Package v1beta2 holds the kinds of the in-cluster control plane provider: K0smotronControlPlane, a k0s control
// plane that runs as pods in the management cluster, and its template for ClusterClasses.
//
// Field names follow upstream k0smotron's v1beta2 so that manifests carry over. A field is here only when it works.
//
// +kubebuilder:object:generate=true
// +groupName=controlplane.cluster.x-k8s.io
package v1beta2
