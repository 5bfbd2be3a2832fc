// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// Placement says which Machine is made, and where.
type Placement struct {
	// Name is the name of the Machine and of what is behind it.
	Name string
	// FailureDomain is where the machine runs; empty leaves it to the infrastructure.
	FailureDomain string
}

// Machine is a new Machine. The hash is that of InputsHash.
func Machine(f Facts, placement Placement, inputsHash string) *clusterv1.Machine {
	ref := f.ControlPlane.Spec.MachineTemplate.Spec.InfrastructureRef
	machine := &clusterv1.Machine{ObjectMeta: f.meta(placement.Name)}
	machine.OwnerReferences = []metav1.OwnerReference{
		*metav1.NewControllerRef(f.ControlPlane, controlplanev1.GroupVersion.WithKind("K0sControlPlane")),
	}
	machine.Spec = clusterv1.MachineSpec{
		ClusterName: f.Cluster.Name,
		Version:     f.ControlPlane.Spec.Version,
		Bootstrap: clusterv1.Bootstrap{ConfigRef: clusterv1.ContractVersionedObjectReference{
			APIGroup: bootstrapv1.GroupVersion.Group, Kind: "K0sControllerConfig", Name: placement.Name,
		}},
		InfrastructureRef: clusterv1.ContractVersionedObjectReference{
			APIGroup: ref.APIGroup, Kind: strings.TrimSuffix(ref.Kind, clusterv1.TemplateSuffix), Name: placement.Name,
		},
		FailureDomain: placement.FailureDomain,
	}
	f.settle(machine, map[string]string{contract.LeaveHookAnnotation: "", contract.InputsHashAnnotation: inputsHash})
	return machine
}

// MachineInPlace is a Machine that exists, with what may change in place as the spec says today, and everything else as
// it is. A hook that was released is not put back.
func MachineInPlace(f Facts, live *clusterv1.Machine) *clusterv1.Machine {
	machine := &clusterv1.Machine{ObjectMeta: f.meta(live.Name)}
	machine.OwnerReferences = []metav1.OwnerReference{
		*metav1.NewControllerRef(f.ControlPlane, controlplanev1.GroupVersion.WithKind("K0sControlPlane")),
	}
	machine.Spec = clusterv1.MachineSpec{
		ClusterName:       live.Spec.ClusterName,
		Version:           live.Spec.Version,
		Bootstrap:         clusterv1.Bootstrap{ConfigRef: live.Spec.Bootstrap.ConfigRef},
		InfrastructureRef: live.Spec.InfrastructureRef,
		FailureDomain:     live.Spec.FailureDomain,
	}
	kept := map[string]string{}
	if hash, recorded := live.Annotations[contract.InputsHashAnnotation]; recorded {
		kept[contract.InputsHashAnnotation] = hash
	}
	if _, hooked := live.Annotations[contract.LeaveHookAnnotation]; hooked || live.DeletionTimestamp.IsZero() {
		kept[contract.LeaveHookAnnotation] = ""
	}
	f.settle(machine, kept)
	return machine
}

// settle fills in what may change in place.
func (f Facts) settle(machine *clusterv1.Machine, ours map[string]string) {
	machine.Labels = f.allLabels()
	machine.Annotations = united(f.annotations(), ours)
	settings := f.ControlPlane.Spec.MachineTemplate.Spec.DeepCopy()
	machine.Spec.ReadinessGates = settings.ReadinessGates
	machine.Spec.Taints = settings.Taints
	machine.Spec.Deletion = clusterv1.MachineDeletionSpec{
		NodeDrainTimeoutSeconds:        settings.Deletion.NodeDrainTimeoutSeconds,
		NodeVolumeDetachTimeoutSeconds: settings.Deletion.NodeVolumeDetachTimeoutSeconds,
		NodeDeletionTimeoutSeconds:     settings.Deletion.NodeDeletionTimeoutSeconds,
	}
}
