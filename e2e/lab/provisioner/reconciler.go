// SPDX-License-Identifier: Apache-2.0

package provisioner

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Reconciler makes and deletes volumes.
type Reconciler struct {
	Client client.Client
	// Node is the name of the node whose directories the volumes are.
	Node string
	// Directory holds one directory per volume, under the same path on the node and for this program.
	Directory string
}

// Claim makes the volume that a claim waits for.
func (r *Reconciler) Claim(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	claim := &corev1.PersistentVolumeClaim{}
	if err := r.Client.Get(ctx, request.NamespacedName, claim); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !WantsVolume(claim) {
		return ctrl.Result{}, nil
	}
	directory := filepath.Join(r.Directory, VolumeName(claim))
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return ctrl.Result{}, fmt.Errorf("creating directory: %w", err)
	}
	err := r.Client.Create(ctx, BuildVolume(claim, r.Node, directory))
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return ctrl.Result{}, fmt.Errorf("creating volume: %w", err)
	}
	return ctrl.Result{}, nil
}

// Volume deletes a volume, directory first, once its claim is gone.
func (r *Reconciler) Volume(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	volume := &corev1.PersistentVolume{}
	if err := r.Client.Get(ctx, request.NamespacedName, volume); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !Disposable(volume) {
		return ctrl.Result{}, nil
	}
	if err := os.RemoveAll(filepath.Join(r.Directory, volume.Name)); err != nil {
		return ctrl.Result{}, fmt.Errorf("removing directory: %w", err)
	}
	return ctrl.Result{}, client.IgnoreNotFound(r.Client.Delete(ctx, volume))
}

// Register adds both loops to a manager.
func (r *Reconciler) Register(manager ctrl.Manager) error {
	err := ctrl.NewControllerManagedBy(manager).For(&corev1.PersistentVolumeClaim{}).Named("claim").
		Complete(reconcile.Func(r.Claim))
	if err != nil {
		return fmt.Errorf("registering claim loop: %w", err)
	}
	return ctrl.NewControllerManagedBy(manager).For(&corev1.PersistentVolume{}).Named("volume").
		Complete(reconcile.Func(r.Volume))
}
