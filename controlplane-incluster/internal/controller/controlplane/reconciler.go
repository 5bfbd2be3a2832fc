// SPDX-License-Identifier: Apache-2.0

// Package controlplane reconciles K0smotronControlPlane: a k0s control plane that runs as pods in the management cluster.
//
// The children and who needs whom:
//
//	Secrets <cluster>-{ca,etcd,proxy,sa}   created once, before the cluster is initialised
//	     │
//	     ├─ etcd-server, apiserver-etcd-client ─ StatefulSet etcd          (storage etcd)
//	     │                                            │
//	Service api ── address known ── Secret k0s-config ┴─ StatefulSet controlplane
//	     │
//	     └─ <cluster>-kubeconfig ── API server answers ── <cluster>-k0s-join, spec.controlPlaneEndpoint, initialised
//
// It never waits for infrastructure: infrastructure waits for the endpoint.
package controlplane

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	capilabels "sigs.k8s.io/cluster-api/util/labels"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/hosted"
	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/workload"
)

// HostedClusters reaches the API servers of hosted control planes.
type HostedClusters interface {
	// Ready asks the API server whether it is ready, through the address that machines use.
	Ready(ctx context.Context, access hosted.Access) workload.Evidence
	// ApplyConfig applies the cluster-wide configuration; false while k0s does not serve its kind yet.
	ApplyConfig(ctx context.Context, access hosted.Access, config *unstructured.Unstructured) (bool, error)
	// Opinion tells what k0s says about the configuration applied last.
	Opinion(ctx context.Context, access hosted.Access, group schema.GroupVersion) (hosted.Opinion, error)
	// Forget closes the connections to a cluster that is gone.
	Forget(cluster client.ObjectKey)
}

// NodeWatcher starts watching the nodes of the management cluster when they first matter.
type NodeWatcher interface {
	// WatchNodes may be called any number of times.
	WatchNodes() error
}

// Reconciler reconciles K0smotronControlPlanes. All fields are needed.
type Reconciler struct {
	// Client reads from the cache.
	Client client.Reader
	// Live reads from the API server; only right before something is created or deleted.
	Live client.Reader
	// Applier is the only writer.
	Applier *apply.Applier
	// Clusters reaches the API servers of hosted control planes.
	Clusters HostedClusters
	// Nodes makes node events arrive.
	Nodes NodeWatcher
	// Issuer makes certificates.
	Issuer pki.Issuer
	// Clock gives the one time of each pass.
	Clock clock.PassiveClock
	// Renderer builds the pods.
	Renderer desired.Renderer
	// WatchFilter limits the controller to objects with this value of the label cluster.x-k8s.io/watch-filter.
	WatchFilter string
}

// Reconcile brings one control plane to what its spec asks for, in this order. Each phase ends the pass when it has to
// wait for something; a watch, or a short pause where nothing can be watched, starts the next.
//
//  1. clusterFound: the Cluster is known, from the owner or, before core has set it, from the Cluster's reference.
//  2. notPaused: neither the Cluster nor the control plane is paused.
//  3. deleted: an object that is being deleted waits for its Machines and cleans up; nothing else happens to it.
//  4. finalizerSet: deletion will pass through 3.
//  5. childrenRead: what exists already.
//  6. certificatesExist: CAs are created once, supplied ones are checked.
//  7. releaseKnown: version and image name a k0s release.
//  8. serviceApplied: the Service exists, so that an address can be found while the rest goes on.
//  9. storageApplied: etcd with its certificates, or the data source of kine.
//  10. endpointKnown: the address that machines will use.
//  11. configurationApplied: the k0s configuration in its Secret.
//  12. podsApplied: the control plane pods.
//  13. accessApplied: the admin kubeconfig, and the Secret that tells machines how to join.
//  14. initialized: the API server has answered through that address; then the endpoint is published, once, and the pass
//     ends, so that this is told at once.
//  15. clusterConfigured: the cluster-wide configuration is applied in the running cluster.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	controlPlane := &controlplanev1.K0smotronControlPlane{}
	if err := r.Client.Get(ctx, request.NamespacedName, controlPlane); err != nil {
		if apierrors.IsNotFound(err) {
			return ctrl.Result{}, nil
		}
		return ctrl.Result{}, fmt.Errorf("getting K0smotronControlPlane: %w", err)
	}
	if r.WatchFilter != "" && !capilabels.HasWatchLabel(controlPlane, r.WatchFilter) {
		return ctrl.Result{}, nil // An event of a child has led here.
	}
	s := &scope{controlPlane: controlPlane, now: r.Clock.Now()}
	flow := phase.Flow[scope]{Phases: r.phases(), Report: report}
	return phase.Reconcile(ctx, r.Applier, controlPlane, s, flow)
}

func (r *Reconciler) phases() []phase.Phase[scope] {
	const (
		available     = controlplanev1.AvailableCondition
		certificates  = controlplanev1.CertificatesAvailableCondition
		configuration = controlplanev1.ConfigurationAppliedCondition
		endpoint      = controlplanev1.EndpointReadyCondition
		etcd          = controlplanev1.EtcdClusterHealthyCondition
		components    = controlplanev1.ControlPlaneComponentsHealthyCondition
		initialized   = controlplanev1.InitializedCondition
	)
	return []phase.Phase[scope]{
		{Name: "clusterFound", Condition: available, Run: r.clusterFound},
		{Name: "notPaused", Run: notPaused},
		{Name: "deleted", Run: r.deleted},
		{Name: "finalizerSet", Run: r.finalizerSet},
		{Name: "childrenRead", Condition: available, Run: r.childrenRead},
		{
			Name:       "certificatesExist",
			Condition:  certificates,
			TrueReason: controlplanev1.AvailableReason,
			Run:        r.certificatesExist,
		},
		{Name: "releaseKnown", Condition: configuration, Run: releaseKnown},
		{Name: "serviceApplied", Condition: endpoint, Run: r.serviceApplied},
		{Name: "storageApplied", Condition: etcd, Run: r.storageApplied},
		{Name: "endpointKnown", Condition: endpoint, Run: r.endpointKnown},
		{Name: "configurationApplied", Condition: configuration, Run: r.configurationApplied},
		{Name: "podsApplied", Condition: components, Run: r.podsApplied},
		{Name: "accessApplied", Condition: certificates, Run: r.accessApplied},
		{Name: "initialized", Condition: initialized, Run: r.initialized},
		{Name: "clusterConfigured", Run: r.clusterConfigured},
	}
}
