// SPDX-License-Identifier: Apache-2.0

package controllerconfig

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// initLockHeld lets one machine alone create the cluster. Everything is read live: the cache may not know yet that the
// cluster is initialized, or that another machine is at work, and a second cluster under one name is never undone.
func (r *Reconciler) initLockHeld(ctx context.Context, s *scope) (phase.Outcome, error) {
	if s.DataSecret != nil {
		return phase.Continue(), nil
	}
	cluster, err := contract.GetCluster(ctx, r.Live, s.ClusterKey())
	if err != nil {
		return phase.Continue(), err
	}
	if contract.ControlPlaneInitialized(cluster) {
		return phase.Wait(bootstrapv1.AlreadyInitializedReason,
			"the control plane of Cluster "+cluster.Name+" has been initialized before, and a first controller would "+
				"create an empty cluster beside it: delete the Machine", 0), nil
	}
	lock, err := initLock(ctx, r.Live, s)
	if err != nil {
		return phase.Continue(), err
	}
	if lock == nil {
		return r.takeInitLock(ctx, s, cluster)
	}
	if lock.Data[contract.InitLockMachineUIDKey] == string(s.Machine.UID) {
		return phase.Continue(), nil
	}
	return r.inheritInitLock(ctx, s, lock)
}

// initLockOwned gives a lock that has lost its owner, as after a restore, back to the Cluster, with which it moves and
// ends. Nothing else depends on that, so nothing waits for it.
func (r *Reconciler) initLockOwned(ctx context.Context, s *scope) (phase.Outcome, error) {
	lock, err := initLock(ctx, r.Client, s)
	if err == nil && lock != nil {
		err = r.Applier.AddOwner(ctx, s.Cluster, lock)
	}
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Giving the init lock back to its Cluster")
	}
	return phase.Continue(), nil
}

// initLock is the lock; nil while nobody holds it.
func initLock(ctx context.Context, from client.Reader, s *scope) (*corev1.ConfigMap, error) {
	lock := &corev1.ConfigMap{}
	key := client.ObjectKey{Namespace: s.Cluster.Namespace, Name: contract.InitLockName(s.Cluster.Name)}
	err := from.Get(ctx, key, lock)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // No lock is an answer.
	}
	if err != nil {
		return nil, fmt.Errorf("getting ConfigMap %s: %w", key.Name, err)
	}
	return lock, nil
}

// takeInitLock ends the pass: the lock wakes the config, and only then is it used. When somebody else was faster, it is
// that lock which wakes the config.
func (r *Reconciler) takeInitLock(
	ctx context.Context, s *scope, cluster *clusterv1.Cluster,
) (phase.Outcome, error) {
	lock := buildInitLock(cluster, s.Machine)
	err := r.Applier.Create(ctx, nil, lock)
	if errors.Is(err, apply.ErrExists) {
		return phase.Wait(bootstrapv1.InitLockTakenReason,
			"another machine has just begun to create the cluster: ConfigMap "+lock.Name+" names it", 0), nil
	}
	return phase.Done(), err
}

// inheritInitLock drops the lock of a machine that is gone without ever having initialized the control plane, and ends
// the pass. Exactly the lock that was judged is dropped: a newer one of the same name stays.
func (r *Reconciler) inheritInitLock(
	ctx context.Context, s *scope, lock *corev1.ConfigMap,
) (phase.Outcome, error) {
	holder := lock.Data[contract.InitLockMachineKey]
	if holder == "" {
		return phase.Wait(bootstrapv1.InitLockTakenReason, fmt.Sprintf(
			"ConfigMap %s lets one machine create the cluster, but names none: delete it if no controller has ever run",
			lock.Name), 0), nil
	}
	exists, err := r.holderExists(ctx, s, holder)
	if err != nil {
		return phase.Continue(), err
	}
	if exists {
		return phase.Wait(bootstrapv1.InitLockTakenReason, fmt.Sprintf(
			"Machine %s creates the cluster (ConfigMap %s): delete this Machine, or that one if it cannot become a controller",
			holder, lock.Name), 0), nil
	}
	return phase.Done(), r.Applier.Delete(ctx, lock)
}

// holderExists goes by the name: after a restore from a backup all UIDs are new, and the machine is still there. Only
// the config's own Machine is known not to be the one that took the lock.
func (r *Reconciler) holderExists(ctx context.Context, s *scope, holder string) (bool, error) {
	machine := &clusterv1.Machine{}
	err := r.Live.Get(ctx, client.ObjectKey{Namespace: s.Cluster.Namespace, Name: holder}, machine)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("getting Machine %s, which holds the init lock: %w", holder, err)
	}
	return machine.UID != s.Machine.UID, nil
}

// buildInitLock is the lock. The Cluster is a plain owner: the lock moves and ends with it, and nothing waits for that.
func buildInitLock(cluster *clusterv1.Cluster, machine *clusterv1.Machine) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: cluster.Namespace,
			Name:      contract.InitLockName(cluster.Name),
			Labels:    contract.ClusterLabels(cluster.Name),
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: clusterv1.GroupVersion.String(), Kind: clusterv1.ClusterKind, Name: cluster.Name, UID: cluster.UID,
			}},
		},
		Data: map[string]string{
			contract.InitLockMachineKey:    machine.Name,
			contract.InitLockMachineUIDKey: string(machine.UID),
		},
	}
}
