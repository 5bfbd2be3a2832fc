// SPDX-License-Identifier: Apache-2.0

package workerconfig

import (
	"context"
	"fmt"

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/controller/machineconfig"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// Kind is the kind that the controller serves.
const Kind = "K0sWorkerConfig"

// Secrets are read and written in every namespace, because bootstrap data, tokens, join information and the sources of
// files are Secrets beside the user's Machines. The manager caches those with a cluster's name only.
//
// +kubebuilder:rbac:groups=bootstrap.cluster.x-k8s.io,resources=k0sworkerconfigs,verbs=get;list;watch
// +kubebuilder:rbac:groups=bootstrap.cluster.x-k8s.io,resources=k0sworkerconfigs/status,verbs=patch
// +kubebuilder:rbac:groups=bootstrap.cluster.x-k8s.io,resources=k0sworkerconfigs/finalizers,verbs=update
// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=clusters;machines,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch

// SetupWithManager starts the controller. Besides configs it watches what they wait for: Machines, Clusters, Secrets
// and ConfigMaps with a cluster's name, and the connections to workload clusters.
func (r *Reconciler) SetupWithManager(
	ctx context.Context, mgr ctrl.Manager, connections machineconfig.Connections, options controller.Options,
) error {
	builder, err := r.watches().Builder(ctx, mgr, connections)
	if err != nil {
		return err
	}
	if err := builder.WithOptions(options).Complete(r); err != nil {
		return fmt.Errorf("setting up the controller of %s: %w", Kind, err)
	}
	return nil
}

func (r *Reconciler) watches() machineconfig.Watches {
	return machineconfig.Watches{
		Kind:        Kind,
		Controller:  "k0sworkerconfig",
		Object:      &bootstrapv1.K0sWorkerConfig{},
		NewList:     func() client.ObjectList { return &bootstrapv1.K0sWorkerConfigList{} },
		WakersOf:    wakersOf,
		Reader:      r.Client,
		WatchFilter: r.WatchFilter,
	}
}

// wakersOf are the values of the index. A config with bootstrap data follows its Cluster alone; the others also wait for
// what the data is made of: how to join, by which CA, and the sources of files.
func wakersOf(object client.Object) []string {
	config, ok := object.(*bootstrapv1.K0sWorkerConfig)
	if !ok {
		return nil
	}
	cluster := config.Labels[clusterv1.ClusterNameLabel]
	values := []string{machineconfig.Waker("Cluster", cluster)}
	if config.Status.DataSecretName != "" {
		return values
	}
	return append(append(values, machineconfig.FileWakers(config.Spec.Files)...),
		machineconfig.Waker("Secret", contract.JoinInfoName(cluster)),
		machineconfig.Waker("Secret", contract.CAName(cluster)),
	)
}
