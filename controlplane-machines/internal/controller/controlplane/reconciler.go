// SPDX-License-Identifier: Apache-2.0

// Package controlplane reconciles K0sControlPlane: a k0s control plane that runs on Machines.
//
// A pass gathers what exists in the management cluster and what k0s says in its own, has the pure packages judge it, and
// does at most one thing: it makes a Machine or removes one, or goes one step further with one that leaves. What it
// decides, and why, is no matter of this package:
//
//	what exists ─┐                      ┌─ rollout.Decide ── one Machine more or less, or a wait
//	             ├─ observation.Objects ┼─ k0snode.DecideLeave ── the next step of a Machine that leaves
//	k0snode.Judge┘                      └─ observation.Status ── what people are told
//
// Infrastructure comes first: the endpoint is the infrastructure's, and it is in everything that a Machine is made of.
package controlplane

import (
	"context"
	"fmt"
	"io"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/contact"
	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/workload"
)

// Workloads reaches the workload clusters of control planes.
type Workloads interface {
	// Ready asks the API server, through the endpoint of the Cluster, whether it is ready.
	Ready(ctx context.Context, access contact.Access) workload.Evidence
	// Reach lets look use a way into the cluster, and another one if it fails.
	Reach(ctx context.Context, access contact.Access, look contact.Look) error
	// Forget closes the connections to a cluster that is gone.
	Forget(cluster client.ObjectKey)
}

// Watcher makes events arrive of kinds that are not known when the manager starts. Every method may be called in every
// pass: a watch that exists costs nothing.
type Watcher interface {
	// WatchConfigs watches the configs of the bootstrap provider, once their kind is served.
	WatchConfigs() error
	// WatchInfrastructure watches the kind of an infrastructure object.
	WatchInfrastructure(ctx context.Context, object *unstructured.Unstructured) error
	// WatchWorkload watches what k0s writes in a workload cluster that is connected.
	WatchWorkload(ctx context.Context, cluster client.ObjectKey, kind *unstructured.Unstructured) error
}

// Reconciler reconciles K0sControlPlanes. All fields are needed.
type Reconciler struct {
	// Client reads from the cache.
	Client client.Reader
	// Live reads from the API server; only right before something is created or deleted.
	Live client.Reader
	// Applier is the only writer of objects.
	Applier *apply.Applier
	// Metadata writes, as a field owner of its own, the labels and annotations that users wish for objects whose other
	// fields are somebody else's by then.
	Metadata *apply.Applier
	// Tokens keeps the join tokens that bootstrap has made, so that one can be revoked.
	Tokens jointoken.Store
	// Workloads reaches the workload clusters.
	Workloads Workloads
	// Watcher makes events arrive.
	Watcher Watcher
	// FieldOwner is under which name objects are written to workload clusters.
	FieldOwner string
	// Issuer makes certificates.
	Issuer pki.Issuer
	// Clock gives the one time of each pass.
	Clock clock.PassiveClock
	// Random is the source of names: crypto/rand.Reader.
	Random io.Reader
	// WatchFilter limits the controller to objects with this value of the label cluster.x-k8s.io/watch-filter.
	WatchFilter string

	memories memories
}

// Reconcile brings one control plane one step nearer to what its spec asks for, in this order. Each phase ends the pass
// when it has to wait for something; a watch, or a pause where nothing can be watched, starts the next. What 5, 8 and 10
// wait for is needed to make Machines: a deletion, and a cluster that has been up, go on without, and 17 makes and replaces none.
//
//  1. clusterFound: the Cluster owns the control plane.
//  2. notPaused: neither the Cluster nor the control plane is paused.
//  3. finalizerSet: deletion will pass through 4 to 17. The pass that sets it ends here.
//  4. machinesRead: what exists already.
//  5. bootstrapReady: configs of controllers can be written.
//  6. deletionPrepared: an object that is being deleted counts who still needs it, and skips 7 to 11.
//  7. infrastructureProvisioned: the Cluster's infrastructure and its endpoint are there.
//  8. templateOwned: the template of the machines belongs to the Cluster, so that it goes and moves with it.
//  9. certificatesExist: CAs are created once, supplied ones are checked.
//  10. configurationKnown: the k0s configuration of the cluster.
//  11. accessApplied: the admin kubeconfig, and the Secret that tells machines how to join.
//  12. workloadJudged: which controllers are members and which work, by what k0s writes in its own cluster.
//  13. machinesTold: the conditions, and what the spec says today, are on the Machines and what is behind them. A pass
//     that records a member ends here.
//  14. nameCleared: a recorded name is forgotten when its Machine has been seen.
//  15. membersLeave: Machines that are being deleted leave etcd, one at a time.
//  16. initialized: the API server has answered through the endpoint.
//  17. machinesChanged: one Machine is made or removed, or nothing.
//  18. clusterConfigured: the cluster-wide configuration is applied in the running cluster.
//  19. konnectivityReached: agents of workers have found their way to the controllers.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	controlPlane := &controlplanev1.K0sControlPlane{}
	if err := r.Client.Get(ctx, request.NamespacedName, controlPlane); err != nil {
		if apierrors.IsNotFound(err) {
			r.memories.forget(request.NamespacedName)
			return ctrl.Result{}, nil
		}
		return ctrl.Result{}, fmt.Errorf("getting K0sControlPlane: %w", err)
	}
	if !contract.IsWatched(controlPlane, r.WatchFilter) {
		return ctrl.Result{}, nil // An event of a child has led here.
	}
	s := &scope{controlPlane: controlPlane, now: r.Clock.Now()}
	result, err := phase.Reconcile(ctx, r.Applier, controlPlane, s, phase.Flow[scope]{Phases: r.phases(), Report: report})
	if err != nil {
		return ctrl.Result{}, err // It is repeated anyway.
	}
	return s.soonest(result), nil
}

func (r *Reconciler) phases() []phase.Phase[scope] {
	const (
		available     = controlplanev1.AvailableCondition
		bootstrap     = controlplanev1.BootstrapProviderReadyCondition
		endpoint      = controlplanev1.EndpointReadyCondition
		certificates  = controlplanev1.CertificatesAvailableCondition
		configuration = controlplanev1.ConfigurationAppliedCondition
		initialized   = controlplanev1.InitializedCondition
	)
	return []phase.Phase[scope]{
		{Name: "clusterFound", Condition: available, Run: r.clusterFound},
		{Name: "notPaused", Run: notPaused},
		{Name: "finalizerSet", Run: r.finalizerSet},
		{Name: "machinesRead", Condition: available, Run: r.machinesRead},
		{Name: "bootstrapReady", Condition: bootstrap, Run: holding(bootstrap, r.bootstrapReady)},
		{Name: "deletionPrepared", Run: telling(r.deletionPrepared)},
		{
			Name: "infrastructureProvisioned", Condition: endpoint,
			TrueReason: controlplanev1.EndpointKnownReason, Run: infrastructureProvisioned,
		},
		{Name: "templateOwned", Condition: configuration, Run: holding("", r.templateOwned)},
		{Name: "certificatesExist", Condition: certificates, Run: r.certificatesExist},
		{Name: "configurationKnown", Condition: configuration, Run: holding(configuration, configurationKnown)},
		{Name: "accessApplied", Condition: certificates, Run: r.accessApplied},
		{Name: "workloadJudged", Run: r.workloadJudged},
		{Name: "machinesTold", Run: telling(r.machinesTold)},
		{Name: "nameCleared", Run: telling(r.nameCleared)},
		{Name: "membersLeave", Run: telling(r.membersLeave)},
		{Name: "initialized", Condition: initialized, Run: r.initialized},
		{Name: "machinesChanged", Run: telling(r.machinesChanged)},
		{Name: "clusterConfigured", Run: r.clusterConfigured},
		{Name: "konnectivityReached", Run: r.konnectivityReached},
	}
}
