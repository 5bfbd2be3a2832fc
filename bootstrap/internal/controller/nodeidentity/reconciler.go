// SPDX-License-Identifier: Apache-2.0

// Package nodeidentity tells Nodes who they are: it writes spec.providerID of
// the Machine to its Node, without which Cluster API never finds the Node.
//
// Where a cloud controller manager runs, it does the same, and a Node that has
// a providerID is left alone. Everywhere else nobody else does.
//
// The Node is found by the label k0smotron.io/machine-name, which the bootstrap
// data lets the kubelet register; host names and addresses are never compared.
package nodeidentity

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/workload"
)

// Reconciler writes the providerID of Machines to their Nodes.
type Reconciler struct {
	// Client reads the management cluster from a cache.
	Client client.Reader
	// Workload gives access to workload clusters.
	Workload workload.Clusters
	// FieldOwner names us to workload API servers.
	FieldOwner string
	// WatchFilter limits the controller to Machines with this value of the label cluster.x-k8s.io/watch-filter.
	WatchFilter string

	watcher nodeWatcher
}

// Reconcile serves one Machine:
//
//  1. the Machine has a providerID, is bootstrapped by us and watched by this manager, else done;
//  2. its Cluster is not paused, else done: unpausing wakes the Machine;
//  3. the workload cluster is connected and its Nodes are watched, else done: the connection wakes the Machine;
//  4. a Node carries the Machine's label, else done: the Node wakes the Machine;
//  5. the Node gets the providerID if it has none.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	machine := &clusterv1.Machine{}
	if err := r.Client.Get(ctx, request.NamespacedName, machine); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !needsIdentity(machine) || !contract.IsWatched(machine, r.WatchFilter) {
		return ctrl.Result{}, nil
	}
	err := r.identify(ctx, machine)
	if wait, waits := errors.AsType[*phase.WaitError](err); waits {
		ctrl.LoggerFrom(ctx).V(1).Info("Waiting", "reason", wait.Reason, "message", wait.Message)
		return ctrl.Result{}, nil
	}
	return ctrl.Result{}, err
}

func (r *Reconciler) identify(ctx context.Context, machine *clusterv1.Machine) error {
	key := client.ObjectKey{Namespace: machine.Namespace, Name: machine.Spec.ClusterName}
	cluster, err := contract.GetCluster(ctx, r.Client, key)
	if err != nil {
		return err
	}
	if isPaused(cluster, machine) {
		return nil
	}
	if err := r.watchNodes(ctx, key); err != nil {
		return err
	}
	nodes, err := r.Workload.Client(ctx, key)
	if err != nil {
		return err
	}
	node, err := findNode(ctx, nodes, machine.Name)
	if err != nil || node == nil || node.Spec.ProviderID != "" {
		return err
	}
	return r.setProviderID(ctx, nodes, node, machine.Spec.ProviderID)
}

func (r *Reconciler) setProviderID(
	ctx context.Context, nodes client.Client, node *corev1.Node, providerID string,
) error {
	after := node.DeepCopy()
	after.Spec.ProviderID = providerID
	if err := apply.New(nodes, r.FieldOwner).PatchSpec(ctx, node, after); err != nil {
		return fmt.Errorf("setting providerID of Node %s: %w", node.Name, err)
	}
	ctrl.LoggerFrom(ctx).Info("Node got its providerID", "Node", node.Name, "providerID", providerID)
	return nil
}

// findNode returns nil while there is no Node, and also when there are several: then nobody can tell which one is the
// Machine, and a wrong providerID could never be taken back.
func findNode(ctx context.Context, nodes client.Reader, machine string) (*corev1.Node, error) {
	list := &corev1.NodeList{}
	label := client.MatchingLabels{contract.MachineNameLabel: contract.MachineNameValue(machine)}
	if err := nodes.List(ctx, list, label); err != nil {
		return nil, fmt.Errorf("listing Nodes: %w", err)
	}
	if len(list.Items) > 1 {
		ctrl.LoggerFrom(ctx).Info("Several Nodes claim to be this Machine, none gets its providerID: "+
			"delete the Nodes that are gone", "label", contract.MachineNameLabel, "Nodes", len(list.Items))
	}
	if len(list.Items) != 1 {
		return nil, nil //nolint:nilnil // No Node is an answer.
	}
	return &list.Items[0], nil
}
