// SPDX-License-Identifier: Apache-2.0

// Package controller reconciles the kinds of the lab's infrastructure provider.
//
//	LabCluster  wait for Cluster.spec.controlPlaneEndpoint → provisioned
//	LabMachine  finalizer → wait for the cluster's infrastructure and the bootstrap data → machine, provider ID,
//	            addresses → watch whether it runs; on deletion destroy it
//
// As a cloud does, it leaves the Node of the workload cluster alone.
package controller
