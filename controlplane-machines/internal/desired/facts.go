// SPDX-License-Identifier: Apache-2.0

// Package desired computes the objects of a control plane on Machines from the user's settings and the facts of the
// cluster. Nothing in it reads or writes anything: objects and facts in, objects out.
//
// A Machine, its K0sControllerConfig and its infrastructure have the same name. Config and infrastructure are made once
// and never changed: another setting is another Machine. What a user may change in place, the metadata of all three and
// some fields of the Machine, has builders of its own: [MachineInPlace] and [Metadata].
package desired

import (
	"fmt"
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// Facts are what a control plane is computed from.
type Facts struct {
	// Cluster is the Cluster; its endpoint and ranges are final.
	Cluster *clusterv1.Cluster
	// ControlPlane is what the user wrote.
	ControlPlane *controlplanev1.K0sControlPlane
}

// labels are those that tell whose child an object is. They never change, and no label of a user replaces them.
func (f Facts) labels() map[string]string {
	labels := contract.ClusterLabels(f.Cluster.Name)
	labels[clusterv1.MachineControlPlaneLabel] = ""
	labels[clusterv1.MachineControlPlaneNameLabel] = contract.MachineNameValue(f.ControlPlane.Name)
	return labels
}

// allLabels are the user's for Machines, and ours.
func (f Facts) allLabels() map[string]string {
	return united(f.ControlPlane.Spec.MachineTemplate.ObjectMeta.Labels, f.labels())
}

func (f Facts) annotations() map[string]string {
	return f.ControlPlane.Spec.MachineTemplate.ObjectMeta.Annotations
}

// meta is the metadata of a child.
func (f Facts) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: f.ControlPlane.Namespace, Name: name, Labels: f.labels()}
}

// owner makes the control plane an owner, and not the controller: that will be the Machine. Cluster API removes this
// owner then; until it has, an object whose Machine was never made goes with the control plane.
func (f Facts) owner() metav1.OwnerReference {
	return metav1.OwnerReference{
		APIVersion: controlplanev1.GroupVersion.String(), Kind: "K0sControlPlane",
		Name: f.ControlPlane.Name, UID: f.ControlPlane.UID,
	}
}

// Selector selects the Machines of the control plane, for the scale subresource.
func Selector(f Facts) string {
	return fmt.Sprintf("%s=%s,%s", clusterv1.ClusterNameLabel, f.Cluster.Name, clusterv1.MachineControlPlaneLabel)
}

// united are all keys of both; of those in both, the second one's values.
func united(first, second map[string]string) map[string]string {
	all := make(map[string]string, len(first)+len(second))
	maps.Copy(all, first)
	maps.Copy(all, second)
	return all
}
