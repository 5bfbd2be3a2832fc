// SPDX-License-Identifier: Apache-2.0

package contract

import (
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
)

// ControlPlaneInitialized says whether the Cluster's API server has been reached once. It never goes back.
func ControlPlaneInitialized(cluster *clusterv1.Cluster) bool {
	return deref(cluster.Status.Initialization.ControlPlaneInitialized)
}

// InfrastructureProvisioned says whether the infrastructure provider has finished the Cluster's infrastructure.
func InfrastructureProvisioned(cluster *clusterv1.Cluster) bool {
	return deref(cluster.Status.Initialization.InfrastructureProvisioned)
}

func deref(b *bool) bool { return b != nil && *b }
