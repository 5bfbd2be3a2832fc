// SPDX-License-Identifier: Apache-2.0

package nodeidentity

import (
	"slices"

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
)

// needsIdentity tells whether the Machine has an identity that its Node may
// lack. Core copies the providerID from the infrastructure Machine. Nodes of
// other bootstrap providers do not carry our label. A controller may have no
// Node at all; then none ever appears.
func needsIdentity(machine *clusterv1.Machine) bool {
	ref := machine.Spec.Bootstrap.ConfigRef
	return machine.DeletionTimestamp.IsZero() &&
		machine.Spec.ProviderID != "" &&
		ref.APIGroup == bootstrapv1.GroupVersion.Group &&
		slices.Contains([]string{"K0sWorkerConfig", "K0sControllerConfig"}, ref.Kind)
}

func isPaused(cluster *clusterv1.Cluster, machine *clusterv1.Machine) bool {
	_, annotated := machine.Annotations[clusterv1.PausedAnnotation]
	return annotated || cluster.Spec.Paused != nil && *cluster.Spec.Paused
}
