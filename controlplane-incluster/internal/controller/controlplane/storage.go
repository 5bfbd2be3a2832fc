// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/defaults"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/etcd"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/storage"
	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/pki"
)

func usesKine(controlPlane *controlplanev1.K0smotronControlPlane) bool {
	return controlPlane.Spec.Storage.Type == controlplanev1.StorageTypeKine
}

// storageApplied prepares where the API server keeps its data. It does not wait for etcd to be ready: k0s takes longer to
// start and waits itself.
func (r *Reconciler) storageApplied(ctx context.Context, s *scope) (phase.Outcome, error) {
	if usesKine(s.controlPlane) {
		return r.kineRead(ctx, s)
	}
	if err := r.etcdLeaves(ctx, s); err != nil {
		return phase.Outcome{}, err
	}
	s.storage = storage.Etcd(s.identity(), pki.EtcdCA.SecretName(s.cluster.Name))
	return phase.Continue(), r.etcdApplied(ctx, s)
}

func (r *Reconciler) etcdApplied(ctx context.Context, s *scope) error {
	objects, err := etcd.Cluster{
		Identity: s.identity(), Settings: s.controlPlane.Spec.Storage.Etcd,
		DefaultImage: defaults.EtcdImage(s.release.Version), Certificates: s.leaves.etcdServer,
	}.Build()
	if err != nil {
		return err
	}
	var live *appsv1.StatefulSet
	found := &appsv1.StatefulSet{}
	exists, err := lookup(ctx, r.Client, s.object(objects.StatefulSet.Name), found)
	if err != nil {
		return err
	}
	if exists {
		live = found
	}
	settled, waits := child.SettleStatefulSet(objects.StatefulSet, live, objects.Rendering)
	children := []client.Object{objects.Service, settled, objects.PodDisruptionBudget}
	if waits {
		s.waiting = append(s.waiting, "etcd")
	}
	if waits && child.IsKept(live, settled, s.controlPlane) {
		children, settled = []client.Object{objects.Service, objects.PodDisruptionBudget}, live
	}
	if err := r.Applier.Apply(ctx, s.controlPlane, children...); err != nil {
		return err
	}
	s.etcdSet = settled
	return nil
}

// kineRead reads the data source of kine.
func (r *Reconciler) kineRead(ctx context.Context, s *scope) (phase.Outcome, error) {
	name := s.controlPlane.Spec.Storage.Kine.DataSourceSecretName
	secret := &corev1.Secret{}
	exists, err := r.found(ctx, s.object(name), secret)
	if err != nil {
		return phase.Outcome{}, err
	}
	source := string(secret.Data[controlplanev1.KineDataSourceKey])
	switch {
	case !exists:
		return phase.Wait(controlplanev1.WaitingReason,
			"waiting for Secret "+name+" named in spec.storage.kine.dataSourceSecretName: create it with the key "+
				controlplanev1.KineDataSourceKey, absentSecretDelay), nil
	case source == "":
		if err := r.adopt(ctx, secret, s.cluster.Name); err != nil {
			return phase.Outcome{}, err
		}
		return phase.Wait(controlplanev1.WaitingReason, "waiting for the key "+controlplanev1.KineDataSourceKey+
			" in Secret "+name+" named in spec.storage.kine.dataSourceSecretName", 0), nil
	}
	s.storage = storage.Kine(source, s.key)
	s.leaves.placed = s.placedFingerprint()
	return phase.Continue(), r.adopt(ctx, secret, s.cluster.Name)
}
