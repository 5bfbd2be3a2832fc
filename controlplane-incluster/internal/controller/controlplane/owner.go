// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
)

func (r *Reconciler) clusterFound(ctx context.Context, s *scope) (phase.Outcome, error) {
	cluster, err := r.clusterOf(ctx, s.controlPlane)
	if _, missing := errors.AsType[*phase.WaitError](err); missing && !s.controlPlane.DeletionTimestamp.IsZero() {
		// Without its Cluster a control plane can only be deleted.
		cluster, err = r.lostCluster(ctx, s.controlPlane)
	}
	if err != nil {
		return phase.Outcome{}, err
	}
	s.cluster = cluster
	return phase.Continue(), nil
}

// clusterOf is the Cluster that owns a control plane. Core takes seconds to write that down; until then it is the Cluster
// whose spec.controlPlaneRef names the control plane, which is what core goes by too. An owner always counts first: if
// another Cluster refers to the control plane, core refuses that Cluster and nothing here changes.
func (r *Reconciler) clusterOf(
	ctx context.Context, controlPlane *controlplanev1.K0smotronControlPlane,
) (*clusterv1.Cluster, error) {
	if ownerOf(controlPlane) == "" {
		clusters, err := r.referringClusters(ctx, controlPlane)
		switch {
		case err != nil:
			return nil, err
		case len(clusters) == 1:
			return clusters[0].DeepCopy(), nil
		case len(clusters) > 1:
			return nil, phase.Waiting(contract.WaitingForCluster, fmt.Sprintf(
				"waiting for one of the Clusters %s to own this object: each refers to it in spec.controlPlaneRef, and only one "+
					"can have it; give the others a control plane of their own", namesOf(clusters)), 0)
		}
	}
	return contract.OwnerCluster(ctx, r.Client, controlPlane)
}

// ownerOf is the name of the Cluster that owns a control plane; empty when there is none.
func ownerOf(controlPlane *controlplanev1.K0smotronControlPlane) string {
	for _, owner := range controlPlane.OwnerReferences {
		version, err := schema.ParseGroupVersion(owner.APIVersion)
		if err == nil && version.Group == clusterv1.GroupVersion.Group && owner.Kind == clusterv1.ClusterKind {
			return owner.Name
		}
	}
	return ""
}

// referringClusters are the Clusters whose spec.controlPlaneRef names a control plane. One that is being deleted gets no
// new control plane, but one that is there already goes with it. They are the cache's and must not be changed.
func (r *Reconciler) referringClusters(
	ctx context.Context, controlPlane *controlplanev1.K0smotronControlPlane,
) ([]*clusterv1.Cluster, error) {
	clusters := &clusterv1.ClusterList{}
	err := r.Client.List(ctx, clusters, client.InNamespace(controlPlane.Namespace), client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("listing Clusters: %w", err)
	}
	var referring []*clusterv1.Cluster
	for i := range clusters.Items {
		cluster := &clusters.Items[i]
		alive := cluster.DeletionTimestamp.IsZero() || !controlPlane.DeletionTimestamp.IsZero()
		if alive && controlPlaneOf(cluster) == controlPlane.Name {
			referring = append(referring, cluster)
		}
	}
	return referring, nil
}

// controlPlaneOf is the name of the control plane that a Cluster refers to; empty when that is of another kind.
func controlPlaneOf(cluster *clusterv1.Cluster) string {
	ref := cluster.Spec.ControlPlaneRef
	if ref.Kind != kindName || ref.APIGroup != controlplanev1.GroupVersion.Group {
		return ""
	}
	return ref.Name
}

func namesOf(clusters []*clusterv1.Cluster) string {
	names := make([]string, 0, len(clusters))
	for _, cluster := range clusters {
		names = append(names, cluster.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// lostCluster stands for a Cluster that is gone. Its name is all that is needed to clean up behind it; when nothing on the
// control plane tells it, the children do.
func (r *Reconciler) lostCluster(
	ctx context.Context, controlPlane *controlplanev1.K0smotronControlPlane,
) (*clusterv1.Cluster, error) {
	cluster := &clusterv1.Cluster{}
	cluster.Namespace = controlPlane.Namespace
	cluster.Name = cmp.Or(ownerOf(controlPlane), controlPlane.Labels[clusterv1.ClusterNameLabel])
	if cluster.Name != "" {
		return cluster, nil
	}
	sets := &appsv1.StatefulSetList{}
	if err := r.Client.List(ctx, sets, client.InNamespace(controlPlane.Namespace)); err != nil {
		return nil, fmt.Errorf("listing StatefulSets: %w", err)
	}
	for i := range sets.Items {
		if metav1.IsControlledBy(&sets.Items[i], controlPlane) {
			cluster.Name = sets.Items[i].Labels[clusterv1.ClusterNameLabel]
		}
	}
	return cluster, nil
}
