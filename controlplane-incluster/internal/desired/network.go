// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/k0smotron/k0smotron/shared/k0sconfig"
)

// immutableNetwork are the keys of spec.network that can never change, with what k0s takes when they are not set.
func immutableNetwork() map[string]string {
	return map[string]string{
		"podCIDR": "10.244.0.0/16", "serviceCIDR": "10.96.0.0/12", "clusterDomain": "cluster.local", "provider": "kuberouter",
	}
}

// CheckNetwork refuses a configuration whose ranges, service domain or network provider differ from those that the
// cluster was made with: k0s does not change them, and nodes and pods have them by heart.
func CheckNetwork(live, wanted *corev1.Secret) error {
	before, err := k0sconfig.Parse(live.Data[KeyK0sConfig])
	if err != nil {
		return fmt.Errorf("reading the configuration in use: %w", err)
	}
	after, err := k0sconfig.Parse(wanted.Data[KeyK0sConfig])
	if err != nil {
		return fmt.Errorf("reading the wanted configuration: %w", err)
	}
	return NetworkChange(before, after)
}

// NetworkChange is the error for the first of the immutable network values that differs between two configurations.
func NetworkChange(before, after map[string]any) error {
	for _, key := range []string{"podCIDR", "serviceCIDR", "clusterDomain", "provider"} {
		fallback := immutableNetwork()[key]
		was, is := networkValue(before, key, fallback), networkValue(after, key, fallback)
		if was != is {
			return fmt.Errorf("spec.network.%s of the k0s configuration cannot change from %s to %s: nodes and pods have it by "+
				"heart; set it back, or create a new Cluster and move the workload", key, was, is)
		}
	}
	return nil
}

func networkValue(config map[string]any, key, fallback string) string {
	spec, _ := config["spec"].(map[string]any)
	network, _ := spec["network"].(map[string]any)
	value, _ := network[key].(string)
	if value == "" {
		return fallback
	}
	return value
}
