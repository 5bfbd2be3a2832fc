// SPDX-License-Identifier: Apache-2.0

// Package machineconfig is what the configs of machines have in common, whatever the machine becomes: a Machine that owns
// the config, a Secret with its bootstrap data, a join token that is looked after until the machine has joined, and the
// events that wake the config.
//
// The steps are phases of the reconcilers of the kinds. They work on a Scope, which each kind embeds in its own.
package machineconfig

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/bootstrapdata"
	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/workload"
)

// Scope is the facts of one pass. Steps add to it; none takes away.
type Scope struct {
	// Config is what the pass is about.
	Config phase.Target
	// Status is that of Config.
	Status *bootstrapv1.ConfigStatus
	// Install is the part of its spec that all kinds have.
	Install *bootstrapv1.InstallSpec
	// WantedVersion is its spec.version.
	WantedVersion string
	// TokenRole is what the machine joins as.
	TokenRole jointoken.Role

	// Machine owns the config.
	Machine *clusterv1.Machine
	// Cluster is the one the machine is part of.
	Cluster *clusterv1.Cluster
	// DataSecret holds the bootstrap data; nil while there is none, or dataSecretKnown is false.
	DataSecret *corev1.Secret
	// Joined is true once the machine is part of the cluster.
	Joined bool
	// Version is the k0s release of the machine.
	Version k0sversion.Version
	// Files are those of the config with their content.
	Files []bootstrapdata.File
	// Token is the join token and until when it is valid.
	Token jointoken.Record

	// strangeSecret has the name of the data Secret and does not belong to the config.
	strangeSecret *corev1.Secret
	// dataSecretKnown is true once it is known whether there is a DataSecret.
	dataSecretKnown bool
}

// ClusterKey is the key of the Machine's Cluster.
func (s *Scope) ClusterKey() client.ObjectKey {
	return client.ObjectKey{Namespace: s.Machine.Namespace, Name: s.Machine.Spec.ClusterName}
}

// Step is a phase that all kinds share.
type Step func(ctx context.Context, s *Scope) (phase.Outcome, error)

// Steps are the phases that all kinds share, and what they need.
type Steps struct {
	// Client reads the management cluster from a cache.
	Client client.Reader
	// Live reads it without a cache, in passes that are about to create something.
	Live client.Reader
	// Applier writes to the management cluster.
	Applier *apply.Applier
	// Workload gives access to workload clusters.
	Workload workload.Clusters
	// Tokens keeps the join tokens.
	Tokens jointoken.Store
	// Clock tells the time.
	Clock clock.PassiveClock
	// WatchFilter limits the controller to configs with this value of the label cluster.x-k8s.io/watch-filter.
	WatchFilter string
}

// Serves tells whether there is anything to do for the config. There is not for that of another manager, to which events
// of other objects lead, too; nor for one that is being deleted, because its Secrets go with it, and the token in the
// workload cluster expires within minutes.
func (r *Steps) Serves(config client.Object) bool {
	return contract.IsWatched(config, r.WatchFilter) && config.GetDeletionTimestamp().IsZero()
}
