// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/phase"
)

// Reasons of waits for owners.
const (
	// WaitingForMachine means that no Machine owns the object yet.
	WaitingForMachine = "WaitingForMachine"
	// WaitingForCluster means that the Cluster of the object is not known yet.
	WaitingForCluster = "WaitingForCluster"
	// WaitingForInfrastructure means that the infrastructure provider has to act first.
	WaitingForInfrastructure = "WaitingForInfrastructure"
	// WaitingForControlPlane means that the control plane has to come up first.
	WaitingForControlPlane = "WaitingForControlPlane"
)

// OwnerMachine returns the Machine that owns obj. It waits while core has not set the owner reference.
func OwnerMachine(ctx context.Context, c client.Reader, obj client.Object) (*clusterv1.Machine, error) {
	ref := ownerOf(obj, "Machine")
	if ref == nil {
		return nil, phase.Waiting(WaitingForMachine,
			"waiting for a Machine to own this object: refer to it from Machine spec.bootstrap.configRef", 0)
	}
	machine := &clusterv1.Machine{}
	if err := c.Get(ctx, client.ObjectKey{Namespace: obj.GetNamespace(), Name: ref.Name}, machine); err != nil {
		return nil, waitIfNotFound(err, WaitingForMachine, "Machine "+ref.Name)
	}
	return machine, nil
}

// OwnerCluster returns the Cluster that owns obj, whether or not as controller. It waits while core has not set the
// owner reference.
func OwnerCluster(ctx context.Context, c client.Reader, obj client.Object) (*clusterv1.Cluster, error) {
	ref := ownerOf(obj, clusterv1.ClusterKind)
	if ref == nil {
		return nil, phase.Waiting(WaitingForCluster,
			"waiting for a Cluster to own this object: refer to it from Cluster spec.controlPlaneRef", 0)
	}
	return GetCluster(ctx, c, client.ObjectKey{Namespace: obj.GetNamespace(), Name: ref.Name})
}

// LabelledCluster returns the Cluster that obj names in the label cluster.x-k8s.io/cluster-name. It waits while the
// label or the Cluster is missing.
func LabelledCluster(ctx context.Context, c client.Reader, obj client.Object) (*clusterv1.Cluster, error) {
	name := obj.GetLabels()[clusterv1.ClusterNameLabel]
	if name == "" {
		return nil, phase.Waiting(WaitingForCluster, "waiting for label "+clusterv1.ClusterNameLabel, 0)
	}
	return GetCluster(ctx, c, client.ObjectKey{Namespace: obj.GetNamespace(), Name: name})
}

// GetCluster returns the Cluster; it waits while there is none.
func GetCluster(ctx context.Context, c client.Reader, key client.ObjectKey) (*clusterv1.Cluster, error) {
	cluster := &clusterv1.Cluster{}
	if err := c.Get(ctx, key, cluster); err != nil {
		return nil, waitIfNotFound(err, WaitingForCluster, "Cluster "+key.Name)
	}
	return cluster, nil
}

// ownerOf finds an owner among core's kinds in any of their API versions.
func ownerOf(obj client.Object, kind string) *metav1.OwnerReference {
	for _, ref := range obj.GetOwnerReferences() {
		gv, err := schema.ParseGroupVersion(ref.APIVersion)
		if err == nil && gv.Group == clusterv1.GroupVersion.Group && ref.Kind == kind {
			return &ref
		}
	}
	return nil
}

func waitIfNotFound(err error, reason, what string) error {
	if apierrors.IsNotFound(err) {
		return phase.Waiting(reason, "waiting for "+what+" to exist", 0)
	}
	return fmt.Errorf("getting %s: %w", what, err)
}
