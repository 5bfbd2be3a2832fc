// SPDX-License-Identifier: Apache-2.0

package nodeidentity

import (
	"context"
	"fmt"

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

	"github.com/k0smotron/k0smotron/bootstrap/internal/controller/machineconfig"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// name is that of the controller, of its metrics and of its watches.
const name = "nodeidentity"

// nodeWatcher is the controller, as the ClusterCache needs it.
type nodeWatcher interface {
	Watch(src source.TypedSource[ctrl.Request]) error
}

// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=clusters;machines,verbs=get;list;watch

// SetupWithManager starts the controller. Besides Machines it watches Clusters (pause), the connections to workload
// clusters, and the Nodes in them.
func (r *Reconciler) SetupWithManager(
	mgr ctrl.Manager, connections machineconfig.Connections, options controller.Options,
) error {
	started, err := ctrl.NewControllerManagedBy(mgr).
		Named(name).
		For(&clusterv1.Machine{}, builder.WithPredicates(
			predicates.ResourceHasFilterLabel(mgr.GetScheme(), mgr.GetLogger(), r.WatchFilter),
			predicate.NewPredicateFuncs(machineNeedsIdentity),
		)).
		Watches(&clusterv1.Cluster{}, handler.EnqueueRequestsFromMapFunc(r.machinesOfCluster),
			builder.WithPredicates(unpaused())).
		WatchesRawSource(connections.GetClusterSource(name, r.machinesOfCluster)).
		WithOptions(options).
		Build(r)
	if err != nil {
		return fmt.Errorf("setting up controller %s: %w", name, err)
	}
	r.watcher = started
	return nil
}

func machineNeedsIdentity(object client.Object) bool {
	machine, ok := object.(*clusterv1.Machine)
	return ok && needsIdentity(machine)
}

// unpaused lets through that a Cluster stops being paused.
func unpaused() predicate.Funcs {
	paused := func(object client.Object) bool {
		cluster, ok := object.(*clusterv1.Cluster)
		return ok && cluster.Spec.Paused != nil && *cluster.Spec.Paused
	}
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc:  func(e event.UpdateEvent) bool { return paused(e.ObjectOld) && !paused(e.ObjectNew) },
	}
}

// watchNodes wakes Machines by their Nodes. A watch that exists already costs nothing.
func (r *Reconciler) watchNodes(ctx context.Context, cluster client.ObjectKey) error {
	return r.Workload.Watch(ctx, cluster, clustercache.NewWatcher(clustercache.WatcherOptions{
		Name:         name + "-nodes",
		Watcher:      r.watcher,
		Kind:         &corev1.Node{},
		EventHandler: handler.EnqueueRequestsFromMapFunc(r.machinesOfNode(cluster)),
		Predicates:   []predicate.TypedPredicate[client.Object]{predicate.NewPredicateFuncs(nodeLacksIdentity)},
	}))
}

// nodeLacksIdentity spares the events of Nodes that are done, such as every heartbeat.
func nodeLacksIdentity(object client.Object) bool {
	node, ok := object.(*corev1.Node)
	return ok && node.Spec.ProviderID == "" && node.Labels[contract.MachineNameLabel] != ""
}

func (r *Reconciler) machinesOfNode(cluster client.ObjectKey) handler.MapFunc {
	return func(ctx context.Context, node client.Object) []ctrl.Request {
		value := node.GetLabels()[contract.MachineNameLabel]
		return r.machines(ctx, cluster, func(machine *clusterv1.Machine) bool {
			return contract.MachineNameValue(machine.Name) == value
		})
	}
}

func (r *Reconciler) machinesOfCluster(ctx context.Context, cluster client.Object) []ctrl.Request {
	return r.machines(ctx, client.ObjectKeyFromObject(cluster), needsIdentity)
}

func (r *Reconciler) machines(
	ctx context.Context, cluster client.ObjectKey, wanted func(*clusterv1.Machine) bool,
) []ctrl.Request {
	list := &clusterv1.MachineList{}
	label := client.MatchingLabels{clusterv1.ClusterNameLabel: cluster.Name}
	if err := r.Client.List(ctx, list, client.InNamespace(cluster.Namespace), label); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing Machines", "Cluster", cluster)
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
