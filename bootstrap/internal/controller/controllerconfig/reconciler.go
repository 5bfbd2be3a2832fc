// SPDX-License-Identifier: Apache-2.0

// Package controllerconfig makes the bootstrap data of controller machines.
//
// A config goes one of two ways, as its role says:
//
//	First    Machine owns it ─► certificates exist ─► the cluster's init lock is its Machine's ─► bootstrap data
//
//	Joining  Machine owns it ─► certificates exist ─► a member is healthy ─► token recorded ─► token valid ─► bootstrap data
//	                                                                                                               │
//	              token revoked ◄── the control-plane provider has seen the member ◄── token kept valid ◄──────────┘
//
// The bootstrap data is made once. A machine that has it boots with it, so no later change of the config, the cluster
// or this program touches it. That of a first controller is never made again, not even when its Secret was deleted: two
// machines that boot with it are two clusters under one name.
package controllerconfig

import (
	"context"
	"slices"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/controller/machineconfig"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// Reconciler serves K0sControllerConfigs.
type Reconciler struct {
	machineconfig.Steps
}

// Conditions that the phases report to.
const (
	data         = bootstrapv1.DataSecretAvailableCondition
	certificates = bootstrapv1.CertificatesAvailableCondition
	joinable     = bootstrapv1.ControlPlaneJoinableCondition
)

// Reconcile serves one config:
//
//  1. it is known whether the Secret with the bootstrap data exists;
//  2. a Machine owns the config;
//  3. its Cluster exists;
//  4. nothing is paused, else done;
//  5. the Secret belongs to the config, if it exists;
//  6. the cluster's init lock belongs to the Cluster, if it exists;
//  7. the machine has not joined, else the token is revoked and all is done;
//  8. the machine is not being deleted, else done;
//  9. a first controller's machine was not made with bootstrap data that is gone;
//  10. the cluster's infrastructure is provisioned;
//  11. the Cluster's endpoint is known;
//  12. the ClusterConfig can be read;
//  13. the certificates of the cluster exist;
//  14. the k0s version is known;
//  15. the content of all files is known.
//
// Then, for a first controller:
//
//  16. the init lock is the Machine's: a pass that takes it ends, the next one goes on.
//
// For one that joins, where k0s runs etcd (elsewhere only 16 and 17):
//
//  16. the control plane is initialized;
//  17. there is a healthy member to join;
//  18. a token is recorded: a pass that does it ends, the next one uses it;
//  19. the token is valid in the workload cluster.
//
// At last, for both:
//
//  20. the Secret with the bootstrap data exists;
//  21. the pass is repeated before the token expires, if there is one.
//
// Once the Secret exists, 14 to 17 and 20 have nothing to do any more.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	config := &bootstrapv1.K0sControllerConfig{}
	if err := r.Client.Get(ctx, request.NamespacedName, config); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !r.Serves(config) {
		return ctrl.Result{}, nil
	}
	s := newScope(config)
	return phase.Reconcile(ctx, r.Applier, config, s, phase.Flow[scope]{Phases: r.phases(s), Report: report})
}

func (r *Reconciler) phases(s *scope) []phase.Phase[scope] {
	role := r.joiningPhases()
	if s.isFirst() {
		role = r.firstPhases()
	}
	return slices.Concat(r.commonPhases(), role, []phase.Phase[scope]{
		{Name: "dataSecretExists", Condition: data, Run: r.dataSecretExists},
		{Name: "tokenKeptValid", Run: withToken(r.TokenKeptValid)},
	})
}

func (r *Reconciler) commonPhases() []phase.Phase[scope] {
	return []phase.Phase[scope]{
		{Name: "dataSecretLookedUp", Condition: data, Run: shared(r.DataSecretLookedUp)},
		{Name: "machineOwnsConfig", Condition: data, Run: shared(r.MachineOwnsConfig)},
		{Name: "clusterExists", Condition: data, Run: shared(r.ClusterExists)},
		{Name: "notPaused", Run: shared(r.NotPaused)},
		{Name: "dataSecretOwned", Condition: data, Run: shared(r.DataSecretOwned)},
		{Name: "initLockOwned", Run: r.initLockOwned},
		{Name: "notJoined", Run: r.notJoined},
		{Name: "machineNotDeleted", Run: shared(r.MachineNotDeleted)},
		{Name: "firstDataNotLost", Condition: data, Run: r.firstDataNotLost},
		{Name: "infrastructureProvisioned", Condition: data, Run: shared(r.InfrastructureProvisioned)},
		{Name: "endpointKnown", Condition: joinable, Run: r.endpointKnown},
		{Name: "configRead", Condition: data, Run: r.configRead},
		{
			Name: "certificatesExist", Condition: certificates, TrueReason: bootstrapv1.AvailableReason,
			Run: r.certificatesExist,
		},
		{Name: "versionKnown", Condition: data, Run: r.versionKnown},
		{Name: "filesResolved", Condition: data, Run: r.filesResolved},
	}
}

func (r *Reconciler) firstPhases() []phase.Phase[scope] {
	return []phase.Phase[scope]{{
		Name: "initLockHeld", Condition: joinable, TrueReason: bootstrapv1.CreatesClusterReason, Run: r.initLockHeld,
	}}
}

func (r *Reconciler) joiningPhases() []phase.Phase[scope] {
	return []phase.Phase[scope]{
		{Name: "controlPlaneInitialized", Condition: joinable, Run: shared(r.ControlPlaneInitialized)},
		{Name: "memberHealthy", Condition: joinable, Run: r.memberHealthy},
		{Name: "tokenRecorded", Condition: joinable, Run: withToken(r.TokenRecorded)},
		{
			Name: "tokenValid", Condition: joinable, TrueReason: bootstrapv1.JoinableReason,
			Run: r.tokenValid,
		},
	}
}
