// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/external"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/phase"
)

// InfraMachine returns the infrastructure object of a Machine in the newest version that serves the contract. It waits
// while the object does not exist.
func InfraMachine(
	ctx context.Context, c client.Reader, machine *clusterv1.Machine,
) (*unstructured.Unstructured, error) {
	ref := machine.Spec.InfrastructureRef
	obj, err := external.GetObjectFromContractVersionedRef(ctx, c, ref, machine.Namespace)
	if apierrors.IsNotFound(err) {
		return nil, phase.Waiting(WaitingForInfrastructure,
			fmt.Sprintf("waiting for %s %s to exist", ref.Kind, ref.Name), 0)
	}
	if err != nil {
		return nil, fmt.Errorf("getting infrastructure of Machine %s: %w", machine.Name, err)
	}
	return obj, nil
}

// ProviderID is spec.providerID of an infrastructure Machine; empty while the provider has not reported one.
func ProviderID(infraMachine *unstructured.Unstructured) (string, error) {
	id, _, err := unstructured.NestedString(infraMachine.Object, "spec", "providerID")
	if err != nil {
		return "", fmt.Errorf("reading spec.providerID of %s %s: %w", infraMachine.GetKind(), infraMachine.GetName(), err)
	}
	return id, nil
}

// Provisioned is status.initialization.provisioned of an infrastructure object.
func Provisioned(infra *unstructured.Unstructured) (bool, error) {
	provisioned, _, err := unstructured.NestedBool(infra.Object, "status", "initialization", "provisioned")
	if err != nil {
		return false, fmt.Errorf("reading status.initialization.provisioned of %s %s: %w",
			infra.GetKind(), infra.GetName(), err)
	}
	return provisioned, nil
}

// Addresses are status.addresses of an infrastructure Machine, in its order.
func Addresses(infraMachine *unstructured.Unstructured) ([]clusterv1.MachineAddress, error) {
	list, _, err := unstructured.NestedSlice(infraMachine.Object, "status", "addresses")
	if err != nil {
		return nil, fmt.Errorf("reading status.addresses of %s %s: %w",
			infraMachine.GetKind(), infraMachine.GetName(), err)
	}
	addresses := make([]clusterv1.MachineAddress, 0, len(list))
	for _, entry := range list {
		fields, ok := entry.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("reading status.addresses of %s %s: an entry is %T, not an object",
				infraMachine.GetKind(), infraMachine.GetName(), entry)
		}
		kind, _, _ := unstructured.NestedString(fields, "type")
		address, _, _ := unstructured.NestedString(fields, "address")
		addresses = append(addresses, clusterv1.MachineAddress{Type: clusterv1.MachineAddressType(kind), Address: address})
	}
	return addresses, nil
}
