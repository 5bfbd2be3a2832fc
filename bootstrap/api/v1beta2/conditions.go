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
	// known by which the node recognises its control plane. For controllers it is
	// about all certificates of the cluster.
	CertificatesAvailableCondition = "CertificatesAvailable"
	// ControlPlaneJoinableCondition tells whether there is a control plane the
	// node can join, and a valid join token for it while it has not. For the
	// first controller it tells whether the machine may create the control plane.
	ControlPlaneJoinableCondition = "ControlPlaneJoinable"
	// PausedCondition tells whether the object is paused.
	PausedCondition = "Paused"
)

// Reasons of conditions. Waits for what Cluster API's core or the control plane
// has to do first carry the reasons of shared/contract and shared/workload.
const (
	// ReadyReason says that all is done.
	ReadyReason = "Ready"
	// AvailableReason says that what the condition is about exists.
	AvailableReason = "Available"
	// JoinableReason says that the node can join.
	JoinableReason = "Joinable"
	// JoinedReason says that the node has joined and its token is revoked.
	JoinedReason = "Joined"
	// CreatesClusterReason says that this machine, and no other, creates the
	// control plane.
	CreatesClusterReason = "CreatesCluster"
	// InitLockTakenReason says that another machine creates the control plane.
	InitLockTakenReason = "InitLockTaken"
	// AlreadyInitializedReason says that the control plane exists, so that nobody
	// may create it any more.
	AlreadyInitializedReason = "AlreadyInitialized"
	// WaitingForMemberReason says that there is no controller that is known to be
	// healthy, through which another one could join.
	WaitingForMemberReason = "WaitingForHealthyController"
	// CertificatesInvalidReason says that k0s would not start with a certificate
	// that somebody has supplied.
	CertificatesInvalidReason = "CertificatesInvalid"
	// UnsupportedOwnerReason says that the owner is of a kind that cannot be
	// served.
	UnsupportedOwnerReason = "UnsupportedOwner"
	// VersionInvalidReason says that a version is missing, malformed or
	// contradicts the Machine.
	VersionInvalidReason = "VersionInvalid"
	// FileSourceMissingReason says that a Secret or ConfigMap that a file is
	// taken from, or a key of it, does not exist.
	FileSourceMissingReason = "FileSourceMissing"
	// SpecInvalidReason says that the spec contradicts what the control plane
	// asks of its nodes.
	SpecInvalidReason = "SpecInvalid"
	// UserDataTooLargeReason says that the bootstrap data does not fit into a
	// Secret.
	UserDataTooLargeReason = "UserDataTooLarge"
	// SecretNameTakenReason says that a Secret of the config's name exists and
	// belongs to somebody else.
	SecretNameTakenReason = "SecretNameTaken"
	// DataSecretMissingReason says that the Secret with the bootstrap data was
	// deleted before the machine joined.
	DataSecretMissingReason = "DataSecretMissing"
	// TokenLostReason says that the record of the join token was deleted before
	// the machine joined.
	TokenLostReason = "TokenLost"
)
