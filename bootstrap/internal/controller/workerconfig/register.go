// SPDX-License-Identifier: Apache-2.0

package workerconfig

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/cluster-api/util/predicates"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/filesource"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// Kind is the kind that the controller serves.
const Kind = "K0sWorkerConfig"

// Connections tells when workload clusters are connected.
type Connections interface {
	// GetClusterSource returns a source of events about connections.
	GetClusterSource(
		controllerName string, mapFunc func(ctx context.Context, cluster client.Object) []ctrl.Request,
		opts ...clustercache.GetClusterSourceOption,
	) source.Source
}

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
	mgr ctrl.Manager, connections Connections, watchFilter string, options controller.Options,
) error {
	const name = "k0sworkerconfig"
	err := ctrl.NewControllerManagedBy(mgr).
		Named(name).
		For(&bootstrapv1.K0sWorkerConfig{}, builder.WithPredicates(
			predicates.ResourceHasFilterLabel(mgr.GetScheme(), mgr.GetLogger(), watchFilter),
			predicate.Or(predicate.GenerationChangedPredicate{}, metadataChanged()),
		)).
		Owns(&corev1.Secret{}).
		Watches(&clusterv1.Machine{}, handler.EnqueueRequestsFromMapFunc(configOfMachine)).
		Watches(&clusterv1.Cluster{}, handler.EnqueueRequestsFromMapFunc(r.configsOfCluster),
			builder.WithPredicates(clusterMoved())).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.configsOfSecret)).
		Watches(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(r.configsOfConfigMap)).
		WatchesRawSource(connections.GetClusterSource(name, r.configsOfCluster)).
		WithOptions(options).
		Complete(r)
	if err != nil {
		return fmt.Errorf("setting up controller %s: %w", name, err)
	}
	return nil
}

// metadataChanged lets through what a user may change without a new generation: the annotation that pauses, the owner.
func metadataChanged() predicate.Funcs {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return len(e.ObjectOld.GetOwnerReferences()) != len(e.ObjectNew.GetOwnerReferences()) ||
			hasPaused(e.ObjectOld) != hasPaused(e.ObjectNew)
	}}
}

func hasPaused(object client.Object) bool {
	_, paused := object.GetAnnotations()[clusterv1.PausedAnnotation]
	return paused
}

// clusterMoved spares the many updates of a Cluster's status that change nothing for a joining machine.
func clusterMoved() predicate.Funcs {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(*clusterv1.Cluster)
		after, okAfter := e.ObjectNew.(*clusterv1.Cluster)
		return okBefore && okAfter && facts(before) != facts(after)
	}}
}

// clusterFacts are what a config waits for.
type clusterFacts struct {
	paused, provisioned, initialized bool
	endpoint                         clusterv1.APIEndpoint
}

func facts(cluster *clusterv1.Cluster) clusterFacts {
	return clusterFacts{
		paused:      cluster.Spec.Paused != nil && *cluster.Spec.Paused,
		provisioned: contract.InfrastructureProvisioned(cluster),
		initialized: contract.ControlPlaneInitialized(cluster),
		endpoint:    cluster.Spec.ControlPlaneEndpoint,
	}
}

func configOfMachine(_ context.Context, object client.Object) []ctrl.Request {
	machine, ok := object.(*clusterv1.Machine)
	if !ok {
		return nil
	}
	ref := machine.Spec.Bootstrap.ConfigRef
	if ref.Kind != Kind || ref.APIGroup != bootstrapv1.GroupVersion.Group {
		return nil
	}
	return []ctrl.Request{{NamespacedName: client.ObjectKey{Namespace: machine.Namespace, Name: ref.Name}}}
}

func (r *Reconciler) configsOfCluster(ctx context.Context, cluster client.Object) []ctrl.Request {
	return r.configs(
		ctx,
		cluster.GetNamespace(),
		cluster.GetName(),
		func(*bootstrapv1.K0sWorkerConfig) bool { return true },
	)
}

// configsOfSecret are those that may wait for the Secret: how to join, by which CA, or a source of files.
func (r *Reconciler) configsOfSecret(ctx context.Context, secret client.Object) []ctrl.Request {
	cluster := secret.GetLabels()[clusterv1.ClusterNameLabel]
	ofCluster := secret.GetName() == contract.JoinInfoName(cluster) || secret.GetName() == contract.CAName(cluster)
	return r.waitingConfigs(ctx, secret, func(config *bootstrapv1.K0sWorkerConfig) bool {
		return ofCluster && config.Labels[clusterv1.ClusterNameLabel] == cluster ||
			slices.Contains(filesource.Secrets(config.Spec.Files), secret.GetName())
	})
}

func (r *Reconciler) configsOfConfigMap(ctx context.Context, configMap client.Object) []ctrl.Request {
	return r.waitingConfigs(ctx, configMap, func(config *bootstrapv1.K0sWorkerConfig) bool {
		return slices.Contains(filesource.ConfigMaps(config.Spec.Files), configMap.GetName())
	})
}

// waitingConfigs are those without bootstrap data for which the object matters.
func (r *Reconciler) waitingConfigs(
	ctx context.Context, object client.Object, matters func(*bootstrapv1.K0sWorkerConfig) bool,
) []ctrl.Request {
	return r.configs(ctx, object.GetNamespace(), "", func(config *bootstrapv1.K0sWorkerConfig) bool {
		return config.Status.DataSecretName == "" && matters(config)
	})
}

// configs lists from the cache: a namespace holds few configs, and an index would have to be kept for each question.
func (r *Reconciler) configs(
	ctx context.Context, namespace, cluster string, wanted func(*bootstrapv1.K0sWorkerConfig) bool,
) []ctrl.Request {
	options := []client.ListOption{client.InNamespace(namespace)}
	if cluster != "" {
		options = append(options, client.MatchingLabels{clusterv1.ClusterNameLabel: cluster})
	}
	list := &bootstrapv1.K0sWorkerConfigList{}
	if err := r.Client.List(ctx, list, options...); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing configs", "namespace", namespace)
		return nil
	}
	var requests []ctrl.Request
	for i := range list.Items {
		if wanted(&list.Items[i]) {
			requests = append(requests, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
	}
	return requests
}
