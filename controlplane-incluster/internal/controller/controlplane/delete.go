// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/etcd"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// namedMachines is how many Machines a message names.
const namedMachines = 5

// deleted ends the life of a control plane. The API server runs until the last Machine is gone, because Machines are
// drained and their Nodes deleted through it. Then goes what owner references do not take along.
func (r *Reconciler) deleted(ctx context.Context, s *scope) (phase.Outcome, error) {
	if s.controlPlane.DeletionTimestamp.IsZero() {
		return phase.Continue(), nil
	}
	if !controllerutil.ContainsFinalizer(s.controlPlane, controlplanev1.ControlPlaneFinalizer) {
		return phase.Done(), nil
	}
	machines, err := r.machinesLeft(ctx, s)
	if err != nil {
		return phase.Outcome{}, err
	}
	if len(machines) > 0 {
		conditions.True(s.controlPlane, controlplanev1.DeletingCondition, controlplanev1.WaitingForWorkersDeletionReason,
			"waiting for Machines to be deleted, which need the API server until then: "+enumerate(machines))
		_, err := r.childrenRead(ctx, s)
		return phase.Done(), err
	}
	if err := r.remove(ctx, s); err != nil {
		return phase.Outcome{}, err
	}
	r.Clusters.Forget(s.clusterKey())
	conditions.True(s.controlPlane, controlplanev1.DeletingCondition, controlplanev1.DeletionCompletedReason, "")
	return phase.Done(), r.Applier.RemoveFinalizer(ctx, s.controlPlane, controlplanev1.ControlPlaneFinalizer)
}

// machinesLeft are the names of the Cluster's Machines: from the cache, and when that has none, from the API server,
// because what follows cannot be undone.
func (r *Reconciler) machinesLeft(ctx context.Context, s *scope) ([]string, error) {
	for _, reader := range []client.Reader{r.Client, r.Live} {
		machines := &metav1.PartialObjectMetadataList{}
		machines.SetGroupVersionKind(clusterv1.GroupVersion.WithKind("MachineList"))
		err := reader.List(ctx, machines, client.InNamespace(s.controlPlane.Namespace),
			client.MatchingLabels(contract.ClusterLabels(s.cluster.Name)))
		if err != nil {
			return nil, fmt.Errorf("listing Machines: %w", err)
		}
		names := make([]string, 0, len(machines.Items))
		for i := range machines.Items {
			names = append(names, machines.Items[i].Name)
		}
		if len(names) > 0 {
			return names, nil
		}
	}
	return nil, nil
}

func enumerate(names []string) string {
	slices.Sort(names)
	if len(names) <= namedMachines {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:namedMachines], ", "), len(names)-namedMachines)
}

// remove deletes the pods, and the volumes, which belong to nobody.
func (r *Reconciler) remove(ctx context.Context, s *scope) error {
	identity := s.identity()
	for _, name := range []string{desired.NamesOf(identity).StatefulSet(), etcd.NamesOf(identity).StatefulSet()} {
		set := &appsv1.StatefulSet{}
		exists, err := lookup(ctx, r.Client, s.object(name), set)
		if err != nil {
			return err
		}
		if exists && metav1.IsControlledBy(set, s.controlPlane) {
			if err := r.Applier.Delete(ctx, set); err != nil {
				return err
			}
		}
	}
	for _, role := range []child.Role{child.RoleControlPlane, child.RoleEtcd} {
		if err := r.removeClaims(ctx, s, role); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reconciler) removeClaims(ctx context.Context, s *scope, role child.Role) error {
	claims := &corev1.PersistentVolumeClaimList{}
	err := r.Live.List(ctx, claims, client.InNamespace(s.controlPlane.Namespace),
		client.MatchingLabels(s.identity().Selector(role)))
	if err != nil {
		return fmt.Errorf("listing PersistentVolumeClaims: %w", err)
	}
	for i := range claims.Items {
		if err := r.Applier.Delete(ctx, &claims.Items[i]); err != nil {
			return err
		}
	}
	return nil
}
