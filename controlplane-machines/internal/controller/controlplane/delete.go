// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// machinePoolDelay is the pause between two looks for MachinePools, which are not watched.
const machinePoolDelay = 10 * time.Second

// deletionPrepared counts who still needs a control plane that is being deleted: nodes are drained and deleted through its
// API server. Machines are read from the cache, and when that has none, from the API server, because what follows cannot
// be undone. Not every management cluster knows MachinePools, so they are not watched.
func (r *Reconciler) deletionPrepared(ctx context.Context, s *scope) (phase.Outcome, error) {
	if !s.deleting() {
		return phase.Continue(), nil
	}
	if !controllerutil.ContainsFinalizer(s.controlPlane, controlplanev1.ControlPlaneFinalizer) {
		return phase.Done(), nil
	}
	workers, err := r.workersLeft(ctx, s)
	s.workers = workers
	return phase.Continue(), err
}

func (r *Reconciler) workersLeft(ctx context.Context, s *scope) (int, error) {
	for _, reader := range []client.Reader{r.Client, r.Live} {
		machines := &clusterv1.MachineList{}
		if err := listOf(ctx, reader, machines, s); err != nil {
			return 0, fmt.Errorf("listing Machines: %w", err)
		}
		workers := slices.DeleteFunc(machines.Items, func(machine clusterv1.Machine) bool {
			return contract.IsControlPlaneMachine(&machine)
		})
		if len(workers) > 0 {
			return len(workers), nil
		}
	}
	return r.poolsLeft(ctx, s)
}

// poolsLeft counts MachinePools. A core without them has none.
func (r *Reconciler) poolsLeft(ctx context.Context, s *scope) (int, error) {
	pools := &metav1.PartialObjectMetadataList{}
	pools.SetGroupVersionKind(clusterv1.GroupVersion.WithKind("MachinePoolList"))
	err := listOf(ctx, r.Live, pools, s)
	if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("listing MachinePools: %w", err)
	}
	if len(pools.Items) > 0 {
		s.lookAfter(machinePoolDelay)
	}
	return len(pools.Items), nil
}

// listOf lists the objects of the Cluster.
func listOf(ctx context.Context, reader client.Reader, list client.ObjectList, s *scope) error {
	return reader.List(ctx, list, client.InNamespace(s.controlPlane.Namespace),
		client.MatchingLabels(contract.ClusterLabels(s.cluster.Name)))
}
