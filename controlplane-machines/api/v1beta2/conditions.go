// SPDX-License-Identifier: Apache-2.0

package v1beta2

import clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

// Conditions of a K0sControlPlane. Where the meaning is that of KubeadmControlPlane, so is the name.
const (
	// AvailableCondition is True while the control plane works: it is not being deleted, has been initialised, its
	// certificates exist, etcd has its quorum and at least one controller is healthy.
	AvailableCondition = clusterv1.AvailableCondition

	// InitializedCondition is True once the API server has answered through the endpoint of the Cluster.
	InitializedCondition = "Initialized"

	// CertificatesAvailableCondition is True while every certificate authority of the control plane exists and fits.
	CertificatesAvailableCondition = "CertificatesAvailable"

	// CertificatesCurrentCondition is True while no certificate in use expires within 90 days. k0s renews its own only
	// when it starts, so the message names the machines to replace.
	CertificatesCurrentCondition = "CertificatesCurrent"

	// EndpointReadyCondition is True while the endpoint of the Cluster is known and leads here.
	EndpointReadyCondition = "EndpointReady"

	// BootstrapProviderReadyCondition is True while K0sControllerConfigs can be written: the bootstrap provider is
	// installed and knows all fields that are needed.
	BootstrapProviderReadyCondition = "BootstrapProviderReady"

	// ConfigurationAppliedCondition is True while the configuration of k0s is what the spec asks for. It ends with k0s's
	// own verdict about the cluster-wide part.
	ConfigurationAppliedCondition = "ConfigurationApplied"

	// KonnectivityReachableCondition is True while konnectivity agents of the workers are connected. The message names the
	// port and the address that the load balancer of the endpoint must lead on.
	KonnectivityReachableCondition = "KonnectivityReachable"

	// EtcdClusterHealthyCondition is True while every member of etcd is voting and healthy, and has a Machine.
	EtcdClusterHealthyCondition = "EtcdClusterHealthy"

	// ControlPlaneComponentsHealthyCondition is True while the API server and k0s work on every Machine.
	ControlPlaneComponentsHealthyCondition = "ControlPlaneComponentsHealthy"

	// MachinesReadyCondition summarises the health of the Machines. A controller without a kubelet has no Node, and the
	// message says so where that keeps a Machine's own Ready condition Unknown.
	MachinesReadyCondition = clusterv1.MachinesReadyCondition

	// MachinesUpToDateCondition is True while every Machine is what the spec asks for.
	MachinesUpToDateCondition = clusterv1.MachinesUpToDateCondition

	// RollingOutCondition is True while there are Machines that are not up to date.
	RollingOutCondition = clusterv1.RollingOutCondition

	// ScalingUpCondition is True while there are fewer Machines than wished.
	ScalingUpCondition = clusterv1.ScalingUpCondition

	// ScalingDownCondition is True while there are more Machines than wished.
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
	// ConnectionDownReason: the workload cluster has not answered for longer than the grace period.
	ConnectionDownReason = clusterv1.ConnectionDownReason
	// InitializedReason: the API server has answered through the endpoint.
	InitializedReason = "Initialized"
	// NotInitializedReason: the API server has not answered through the endpoint yet.
	NotInitializedReason = "NotInitialized"
	// HealthyReason: every member or component is healthy.
	HealthyReason = "Healthy"
	// NotHealthyReason: there is evidence that one is not.
	NotHealthyReason = "NotHealthy"
	// HealthUnknownReason: there is no evidence either way for one of them.
	HealthUnknownReason = "HealthUnknown"
	// WaitingReason: something outside of the control plane is awaited.
	WaitingReason = "Waiting"
	// InvalidConfigurationReason: the spec asks for something that cannot be; the message names field, value and fix.
	InvalidConfigurationReason = "InvalidConfiguration"
	// EndpointKnownReason: the endpoint is known and used.
	EndpointKnownReason = "EndpointKnown"
	// ExpiringReason: a certificate expires soon.
	ExpiringReason = "Expiring"
	// NotInstalledReason: the provider that serves a kind is not installed.
	NotInstalledReason = "NotInstalled"
	// ReconciledReason: k0s has taken the configuration.
	ReconciledReason = "Reconciled"
	// NotReconciledReason: k0s has refused the configuration.
	NotReconciledReason = "NotReconciled"
	// ReconciliationUnknownReason: k0s has not told its verdict yet.
	ReconciliationUnknownReason = "ReconciliationUnknown"
	// ConnectedReason: konnectivity agents are connected.
	ConnectedReason = "Connected"
	// NotConnectedReason: no konnectivity agent has connected in time.
	NotConnectedReason = "NotConnected"
	// ReadyReason: every Machine is ready.
	ReadyReason = clusterv1.ReadyReason
	// NotReadyReason: a Machine is not ready.
	NotReadyReason = clusterv1.NotReadyReason
	// ReadyUnknownReason: it is not known whether a Machine is ready.
	ReadyUnknownReason = clusterv1.ReadyUnknownReason
	// NoReplicasReason: there are no Machines.
	NoReplicasReason = clusterv1.NoReplicasReason
	// UpToDateReason: every Machine is what the spec asks for.
	UpToDateReason = clusterv1.UpToDateReason
	// NotUpToDateReason: a Machine is not what the spec asks for; the message says why.
	NotUpToDateReason = clusterv1.NotUpToDateReason
	// UpToDateUnknownReason: it is not known whether a Machine is what the spec asks for.
	UpToDateUnknownReason = clusterv1.UpToDateUnknownReason
	// RollingOutReason: Machines are being replaced.
	RollingOutReason = clusterv1.RollingOutReason
	// NotRollingOutReason: no Machine needs to be replaced.
	NotRollingOutReason = clusterv1.NotRollingOutReason
	// ScalingUpReason: there are fewer Machines than wished.
	ScalingUpReason = clusterv1.ScalingUpReason
	// NotScalingUpReason: no Machine is missing.
	NotScalingUpReason = clusterv1.NotScalingUpReason
	// ScalingDownReason: there are more Machines than wished.
	ScalingDownReason = clusterv1.ScalingDownReason
	// NotScalingDownReason: there is no Machine too many.
	NotScalingDownReason = clusterv1.NotScalingDownReason
	// NotDeletingReason: the object is not being deleted.
	NotDeletingReason = clusterv1.NotDeletingReason
	// WaitingForWorkersDeletionReason: workers are left, and they need the API server.
	WaitingForWorkersDeletionReason = "WaitingForWorkersDeletion"
	// WaitingForMachineDeletionReason: Machines of the control plane are left.
	WaitingForMachineDeletionReason = "WaitingForMachineDeletion"
	// DeletionCompletedReason: nothing is left to delete.
	DeletionCompletedReason = clusterv1.DeletionCompletedReason
)
