// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
)

// inputsSchema is the version of the meaning of inputs. Raising it replaces every Machine: instead, let new inputs be absent when
// they are not used, so that the hash of old ones stays.
const inputsSchema = "1"

// inputSections are the sections of a k0s configuration that a machine is made with, and inputNetwork the keys of
// spec.network. Everything else is applied to the running cluster. A section may be added here when k0s gets a new one.
func inputSections() []string {
	return []string{"api", "storage", "installConfig", "konnectivity", "featureGates"}
}

func inputNetwork() []string {
	return []string{
		"clusterDomain", "controlPlaneLoadBalancing", "dualStack", "podCIDR", "primaryAddressFamily", "provider",
		"serviceCIDR",
	}
}

// InputsHash is the fingerprint of what a user may write that a machine is made with: the node-local part of the k0s
// configuration, arguments, files, commands and the download. It is recorded on the Machine. While it stays the same the
// Machine is left as it is, whatever a newer release of this provider would make of it.
func InputsHash(spec bootstrapv1.K0sConfigSpec) (string, error) {
	user, err := k0sconfig.Parse(spec.K0s.Raw)
	if err != nil {
		return "", fmt.Errorf("spec.k0sConfigSpec.k0s: %w", err)
	}
	document, err := json.Marshal(nodeInputs(user))
	if err != nil {
		return "", fmt.Errorf("hashing spec.k0sConfigSpec: %w", err)
	}
	inputs := *spec.DeepCopy()
	inputs.K0s = runtime.RawExtension{Raw: document}
	// It is about the Secret, not the machine.
	inputs.SecretMetadata = bootstrapv1.SecretMetadata{}
	return k0sconfig.Hash(inputsSchema, inputs)
}

// nodeInputs is the part of a configuration that a machine is made with. What is empty is not there.
func nodeInputs(document map[string]any) map[string]any {
	spec, _ := document["spec"].(map[string]any)
	inputs := picked(spec, inputSections())
	network, _ := spec["network"].(map[string]any)
	if some := picked(network, inputNetwork()); len(some) > 0 {
		inputs["network"] = some
	}
	return inputs
}

func picked(object map[string]any, keys []string) map[string]any {
	some := map[string]any{}
	for _, key := range keys {
		if value := object[key]; value != nil {
			some[key] = value
		}
	}
	return some
}
