// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package resilience

import (
	"maps"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	capi "sigs.k8s.io/cluster-api/test/framework"

	"github.com/k0smotron/k0smotron/e2e/framework"
)

// byKind judges the owners of an object, by its kind. A kind that is not among them fails Cluster API's check.
type byKind = map[string]func(types.NamespacedName, []metav1.OwnerReference) error

// owners are those that the objects of a cluster have, whose control plane is of a kind. What is said of core's kinds is
// Cluster API's, but that it knows of no control plane except kubeadm's.
func owners(t *testing.T, controlPlane string) byKind {
	t.Helper()
	cluster, machine := owning(core("Cluster")), controlling(core("Machine"))
	controls := controlling(framework.Kind(t, controlPlane))
	worker, controller := framework.Kind(t, "K0sWorkerConfig"), framework.Kind(t, "K0sControllerConfig")
	all := maps.Clone(capi.CoreOwnerReferenceAssertion)
	maps.Copy(all, byKind{
		"Machine": oneOf(controlling(core("MachineSet")), controls),

		controlPlane:              exactly(cluster),
		"K0sControllerConfig":     exactly(machine),
		"K0sWorkerConfig":         exactly(machine),
		"K0sWorkerConfigTemplate": exactly(cluster),

		"LabCluster":         exactly(cluster),
		"LabMachine":         exactly(machine),
		"LabMachineTemplate": exactly(cluster),

		// Certificates, kubeconfig and how to join are the control plane's, bootstrap data is its config's.
		"Secret": oneOf(controls, controlling(worker), controlling(controller)),
		// The one that tells which machine may create the cluster: it moves and ends with the Cluster.
		"ConfigMap": exactly(cluster),
	})
	return all
}

func core(kind string) schema.GroupVersionKind { return clusterv1.GroupVersion.WithKind(kind) }

// owning is an owner as Cluster API compares it: by kind and version, and whether it is the controller.
func owning(kind schema.GroupVersionKind) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: kind.GroupVersion().String(), Kind: kind.Kind}
}

// controlling is an owner that is the controller.
func controlling(kind schema.GroupVersionKind) metav1.OwnerReference {
	owner := owning(kind)
	owner.Controller = new(true)
	return owner
}

func exactly(owner metav1.OwnerReference) func(types.NamespacedName, []metav1.OwnerReference) error {
	return oneOf(owner)
}

// oneOf wants one owner, which is any of these.
func oneOf(wanted ...metav1.OwnerReference) func(types.NamespacedName, []metav1.OwnerReference) error {
	return func(_ types.NamespacedName, got []metav1.OwnerReference) error {
		possible := make([][]metav1.OwnerReference, 0, len(wanted))
		for _, owner := range wanted {
			possible = append(possible, []metav1.OwnerReference{owner})
		}
		return capi.HasOneOfExactOwners(got, possible...)
	}
}
