// SPDX-License-Identifier: Apache-2.0

package v1beta2

// Types of conditions. Ready and Paused have Cluster API's names and meaning:
// core copies Ready to the Machine as BootstrapConfigReady.
const (
	// ReadyCondition sums up the other conditions.
	ReadyCondition = "Ready"
	// DataSecretAvailableCondition tells whether the bootstrap data is in its
	// Secret, or what is missing for that.
	DataSecretAvailableCondition = "DataSecretAvailable"
	// CertificatesAvailableCondition tells whether the certificate authority is
	// known by which the node recognises its control plane.
	CertificatesAvailableCondition = "CertificatesAvailable"
	// ControlPlaneJoinableCondition tells whether there is a control plane the
	// node can join, and a valid join token for it while it has not.
	ControlPlaneJoinableCondition = "ControlPlaneJoinable"
	// PausedCondition tells whether the object is paused.
	PausedCondition = "Paused"
)

// Reasons of conditions.
const (
	// ReadyReason says that all is done.
	ReadyReason = "Ready"
	// AvailableReason says that what the condition is about exists.
	AvailableReason = "Available"
	// JoinableReason says that the node can join.
	JoinableReason = "Joinable"
	// JoinedReason says that the node has joined and its token is revoked.
	JoinedReason = "Joined"
	// WaitingForOwnerReason says that no Machine owns the object yet.
	WaitingForOwnerReason = "WaitingForOwner"
	// UnsupportedOwnerReason says that the owner is of a kind that cannot be
	// served.
	UnsupportedOwnerReason = "UnsupportedOwner"
	// WaitingForClusterReason says that the Cluster cannot be found.
	WaitingForClusterReason = "WaitingForCluster"
	// WaitingForInfrastructureReason says that the cluster's infrastructure is
	// not provisioned.
	WaitingForInfrastructureReason = "WaitingForClusterInfrastructureReady"
	// WaitingForControlPlaneReason says that the control plane is not
	// initialized, so there is nothing to join.
	WaitingForControlPlaneReason = "WaitingForControlPlaneInitialized"
	// WaitingForEndpointReason says that the address of the control plane is
	// not known.
	WaitingForEndpointReason = "WaitingForControlPlaneEndpoint"
	// WaitingForCertificatesReason says that the cluster's CA is not known.
	WaitingForCertificatesReason = "WaitingForCertificates"
	// WaitingForConnectionReason says that the API of the workload cluster
	// cannot be reached.
	WaitingForConnectionReason = "WaitingForWorkloadClusterConnection"
	// JoinInfoInvalidReason says that what the control plane published for
	// joining nodes cannot be used.
	JoinInfoInvalidReason = "JoinInfoInvalid"
	// VersionInvalidReason says that a version is missing, malformed or
	// contradicts the Machine.
	VersionInvalidReason = "VersionInvalid"
	// FileSourceMissingReason says that a Secret or ConfigMap that a file is
	// taken from, or a key of it, does not exist.
	FileSourceMissingReason = "FileSourceMissing"
	// UserDataTooLargeReason says that the bootstrap data does not fit into a
	// Secret.
	UserDataTooLargeReason = "UserDataTooLarge"
)
