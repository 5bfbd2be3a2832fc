// SPDX-License-Identifier: Apache-2.0

// Package workerconfig makes the bootstrap data of worker machines.
//
// A config goes one way:
//
//	Machine owns it ─► control plane can be joined ─► token recorded ─► token valid ─► bootstrap data in its Secret
//	                                                                                          │
//	          token revoked ◄── machine has a Node ◄── token kept valid ◄─────────────────────┘
//
// The bootstrap data is made once. A machine that has it boots with it, so no later change of the config, the cluster
// or this program touches it. Only the token in the workload cluster is looked after until the machine has joined.
package workerconfig

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/controller/machineconfig"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// Reconciler serves K0sWorkerConfigs.
type Reconciler struct {
	machineconfig.Steps
}

// Reconcile serves one config:
//
//  1. it is known whether the Secret with the bootstrap data exists;
//  2. a Machine owns the config;
//  3. its Cluster exists;
//  4. nothing is paused, else done;
//  5. the Secret belongs to the config, if it exists;
//  6. the node has not joined, else the token is revoked and all is done;
//  7. the machine is not being deleted, else done;
//  8. the cluster's infrastructure is provisioned;
//  9. the control plane is initialized;
//  10. it is known how to join it, and by which CA it is recognised;
//  11. the k0s version is known;
//  12. the content of all files is known;
//  13. a token is recorded: a pass that does it ends, the next one uses it;
//  14. the token is valid in the workload cluster;
//  15. the Secret with the bootstrap data exists;
//  16. the pass is repeated before the token expires.
//
// Once the Secret exists, 11, 12 and 15 have nothing to do any more.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	config := &bootstrapv1.K0sWorkerConfig{}
	if err := r.Client.Get(ctx, request.NamespacedName, config); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !r.Serves(config) {
		return ctrl.Result{}, nil
	}
	return phase.Reconcile(ctx, r.Applier, config, newScope(config), phase.Flow[scope]{Phases: r.phases(), Report: report})
}

func (r *Reconciler) phases() []phase.Phase[scope] {
	const (
		data         = bootstrapv1.DataSecretAvailableCondition
		certificates = bootstrapv1.CertificatesAvailableCondition
		joinable     = bootstrapv1.ControlPlaneJoinableCondition
	)
	return []phase.Phase[scope]{
		{Name: "dataSecretLookedUp", Condition: data, Run: shared(r.DataSecretLookedUp)},
		{Name: "machineOwnsConfig", Condition: data, Run: shared(r.MachineOwnsConfig)},
		{Name: "clusterExists", Condition: data, Run: shared(r.ClusterExists)},
		{Name: "notPaused", Run: shared(r.NotPaused)},
		{Name: "dataSecretOwned", Condition: data, Run: shared(r.DataSecretOwned)},
		{Name: "notJoined", Run: r.notJoined},
		{Name: "machineNotDeleted", Run: shared(r.MachineNotDeleted)},
		{Name: "infrastructureProvisioned", Condition: data, Run: shared(r.InfrastructureProvisioned)},
		{Name: "controlPlaneInitialized", Condition: joinable, Run: shared(r.ControlPlaneInitialized)},
		{
			Name: "joinInfoKnown", Condition: certificates, TrueReason: bootstrapv1.AvailableReason,
			Run: r.joinInfoKnown,
		},
		{Name: "versionKnown", Condition: data, Run: shared(r.VersionKnown)},
		{Name: "filesResolved", Condition: data, Run: r.filesResolved},
		{Name: "tokenRecorded", Condition: joinable, Run: shared(r.TokenRecorded)},
		{
			Name: "tokenValid", Condition: joinable, TrueReason: bootstrapv1.JoinableReason,
			Run: shared(r.TokenValid),
		},
		{Name: "dataSecretExists", Condition: data, Run: r.dataSecretExists},
		{Name: "tokenKeptValid", Run: shared(r.TokenKeptValid)},
	}
}
