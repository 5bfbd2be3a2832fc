// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
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

const (
	// namedMachines is how many Machines a message names.
	namedMachines = 5
	// machinePoolDelay is the pause between two looks for MachinePools, which are not watched.
	machinePoolDelay = 10 * time.Second

	kindMachine     = "Machine"
	kindMachinePool = "MachinePool"
)

// deleted ends the life of a control plane. The API server runs until the last Machine and MachinePool is gone, because
// nodes are drained and deleted through it. Then goes what owner references do not take along.
func (r *Reconciler) deleted(ctx context.Context, s *scope) (phase.Outcome, error) {
	if s.controlPlane.DeletionTimestamp.IsZero() {
		return phase.Continue(), nil
	}
	if !controllerutil.ContainsFinalizer(s.controlPlane, controlplanev1.ControlPlaneFinalizer) {
		return phase.Done(), nil
	}
	err := r.workersGone(ctx, s)
	if wait, waits := errors.AsType[*phase.WaitError](err); waits {
		conditions.True(s.controlPlane, controlplanev1.DeletingCondition, wait.Reason, wait.Message)
		if _, readErr := r.childrenRead(ctx, s); readErr != nil {
			return phase.Outcome{}, readErr
		}
	}
	if err != nil {
		return phase.Outcome{}, err
	}
	if err := r.remove(ctx, s); err != nil {
		return phase.Outcome{}, err
	}
	r.Clusters.Forget(s.clusterKey())
	conditions.True(s.controlPlane, controlplanev1.DeletingCondition, controlplanev1.DeletionCompletedReason, "")
	return phase.Done(), r.Applier.RemoveFinalizer(ctx, s.controlPlane, controlplanev1.ControlPlaneFinalizer)
}

// workersGone waits while something still needs the API server. Machines are read from the cache, and when that
// has none, from the API server, because what follows cannot be undone. Their end is watched. MachinePools, whose nodes
// need not have Machines, are looked for only then, and in intervals: not every management cluster knows the kind, so it
// cannot be watched.
func (r *Reconciler) workersGone(ctx context.Context, s *scope) error {
	for _, look := range []struct {
		reader client.Reader
		kind   string
		after  time.Duration
	}{
		{reader: r.Client, kind: kindMachine},
		{reader: r.Live, kind: kindMachine},
		{reader: r.Live, kind: kindMachinePool, after: machinePoolDelay},
	} {
		names, err := left(ctx, look.reader, look.kind, s)
		if err != nil {
			return err
		}
		if len(names) > 0 {
			return phase.Waiting(controlplanev1.WaitingForWorkersDeletionReason, "waiting for "+look.kind+
				"s to be deleted, which need the API server until then: "+enumerate(names), look.after)
		}
	}
	return nil
}

// left are the names of the Cluster's objects of a kind of core's. A core without MachinePools has none.
func left(ctx context.Context, reader client.Reader, kind string, s *scope) ([]string, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(clusterv1.GroupVersion.WithKind(kind + "List"))
	err := reader.List(ctx, list, client.InNamespace(s.controlPlane.Namespace),
		client.MatchingLabels(contract.ClusterLabels(s.cluster.Name)))
	if kind == kindMachinePool && (meta.IsNoMatchError(err) || apierrors.IsNotFound(err)) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing %ss: %w", kind, err)
	}
	names := make([]string, 0, len(list.Items))
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	return names, nil
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
