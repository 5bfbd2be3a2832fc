// SPDX-License-Identifier: Apache-2.0

package v1beta2

import clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

// Conditions of a K0smotronControlPlane. Where the meaning is that of KubeadmControlPlane, so is the name.
const (
	// AvailableCondition is True while the control plane works: it has been initialised, its certificates exist, its
	// storage is healthy and its API server is ready.
	AvailableCondition = clusterv1.AvailableCondition

	// InitializedCondition is True once the API server has answered through its endpoint.
	InitializedCondition = "Initialized"

	// CertificatesAvailableCondition is True while every certificate of the control plane exists and fits.
	CertificatesAvailableCondition = "CertificatesAvailable"

	// EtcdClusterHealthyCondition is True while the storage answers. With kine it tells about the data source.
	EtcdClusterHealthyCondition = "EtcdClusterHealthy"

	// ControlPlaneComponentsHealthyCondition is True while the control plane pods are ready.
	ControlPlaneComponentsHealthyCondition = "ControlPlaneComponentsHealthy"

	// EndpointReadyCondition is True while the address that machines use is known and leads here.
	EndpointReadyCondition = "EndpointReady"

	// ConfigurationAppliedCondition is True while the configuration of k0s is what the spec asks for. It ends with k0s's
	// own verdict about the cluster-wide part.
	ConfigurationAppliedCondition = "ConfigurationApplied"

	// RollingOutCondition is True while a pod is being replaced because its inputs changed.
	RollingOutCondition = clusterv1.RollingOutCondition

	// ScalingUpCondition is True while there are fewer pods than wished.
	ScalingUpCondition = clusterv1.ScalingUpCondition

	// ScalingDownCondition is True while there are more pods than wished.
	ScalingDownCondition = clusterv1.ScalingDownCondition

	// DeletingCondition is True while the control plane is being deleted; the message names what is awaited.
	DeletingCondition = clusterv1.DeletingCondition

	// PausedCondition is True while reconciliation is paused.
	PausedCondition = clusterv1.PausedCondition
)

// Reasons of the conditions above.
const (
	// AvailableReason: the thing exists and works.
	AvailableReason = clusterv1.AvailableReason
	// NotAvailableReason: the thing is missing or does not work; the message says what and how to fix it.
	NotAvailableReason = clusterv1.NotAvailableReason
	// InternalErrorReason: a call failed; it is tried again.
	InternalErrorReason = clusterv1.InternalErrorReason
	// InitializedReason: the API server has answered through its endpoint.
	InitializedReason = "Initialized"
	// NotInitializedReason: the API server has not answered through its endpoint yet.
	NotInitializedReason = "NotInitialized"
	// HealthyReason: the component is ready.
	HealthyReason = "Healthy"
	// NotHealthyReason: the component is not ready.
	NotHealthyReason = "NotHealthy"
	// WaitingReason: something outside of the control plane is awaited.
	WaitingReason = "Waiting"
	// InvalidConfigurationReason: the spec asks for something that cannot be; the message names field, value and fix.
	InvalidConfigurationReason = "InvalidConfiguration"
	// EndpointKnownReason: the address is known and used.
	EndpointKnownReason = "EndpointKnown"
	// EndpointNodeMissingReason: the node whose address is the endpoint is not Ready.
	EndpointNodeMissingReason = "EndpointNodeMissing"
	// ReconciledReason: k0s has taken the configuration.
	ReconciledReason = "Reconciled"
	// NotReconciledReason: k0s has refused the configuration.
	NotReconciledReason = "NotReconciled"
	// ReconciliationUnknownReason: k0s has not told its verdict yet.
	ReconciliationUnknownReason = "ReconciliationUnknown"
	// RollingOutReason: a pod is being replaced.
	RollingOutReason = clusterv1.RollingOutReason
	// NotRollingOutReason: every pod runs what was asked for.
	NotRollingOutReason = clusterv1.NotRollingOutReason
	// ScalingUpReason: there are fewer pods than wished.
	ScalingUpReason = clusterv1.ScalingUpReason
	// NotScalingUpReason: no pod is missing.
	NotScalingUpReason = clusterv1.NotScalingUpReason
	// ScalingDownReason: there are more pods than wished.
	ScalingDownReason = clusterv1.ScalingDownReason
	// NotScalingDownReason: there is no pod too many.
	NotScalingDownReason = clusterv1.NotScalingDownReason
	// NotDeletingReason: the object is not being deleted.
	NotDeletingReason = clusterv1.NotDeletingReason
	// WaitingForWorkersDeletionReason: Machines are left, and they need the API server.
	WaitingForWorkersDeletionReason = "WaitingForWorkersDeletion"
	// WaitingForPodsDeletionReason: the pods of the control plane are stopping.
	WaitingForPodsDeletionReason = "WaitingForPodsDeletion"
	// DeletionCompletedReason: nothing is left to delete.
	DeletionCompletedReason = clusterv1.DeletionCompletedReason
)
