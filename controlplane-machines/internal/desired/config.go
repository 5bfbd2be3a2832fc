// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

// Configuration is the k0s configuration of a cluster.
type Configuration struct {
	// Document is all of it. Bootstrap adds what differs between machines and renders what belongs on them.
	Document map[string]any
	// ClusterWide is the object to apply to the running cluster.
	ClusterWide map[string]any
	// Ports are where k0s listens.
	Ports k0sconfig.Ports
	// ManagesEtcd tells whether k0s runs etcd on the controllers.
	ManagesEtcd bool
}

// NewConfiguration computes the configuration from the user's document, the Cluster, and what is decided about learners.
// What is wrong with the user's part comes back as k0sconfig.ConfigErrors.
func NewConfiguration(f Facts, learners MaxLearners) (Configuration, error) {
	version, err := k0sversion.Parse(f.ControlPlane.Spec.Version)
	if err != nil {
		return Configuration{}, fmt.Errorf("spec.version: %w", err)
	}
	user, err := k0sconfig.Parse(f.ControlPlane.Spec.K0sConfigSpec.K0s.Raw)
	if err != nil {
		return Configuration{}, fmt.Errorf("spec.k0sConfigSpec.k0s: %w", err)
	}
	effective, err := k0sconfig.Effective(user, k0sFacts(f, version))
	if err != nil {
		return Configuration{}, fmt.Errorf("spec.k0sConfigSpec.k0s: %w", err)
	}
	document := whole(effective)
	managed := k0sconfig.ManagesEtcd(user)
	if managed {
		learners.write(document)
	}
	return Configuration{
		Document: document, ClusterWide: effective.ClusterWide, Ports: effective.Ports, ManagesEtcd: managed,
	}, nil
}

// k0sFacts are what the Cluster says. Where konnectivity is reached is left to k0s: at the host of the API.
func k0sFacts(f Facts, version k0sversion.Version) k0sconfig.Facts {
	endpoint, network := f.Cluster.Spec.ControlPlaneEndpoint, f.Cluster.Spec.ClusterNetwork
	return k0sconfig.Facts{
		Version:       version,
		API:           k0sconfig.Endpoint{ExternalHost: endpoint.Host, ExternalPort: int(endpoint.Port)},
		PodCIDRs:      network.Pods.CIDRBlocks,
		ServiceCIDRs:  network.Services.CIDRBlocks,
		ServiceDomain: network.ServiceDomain,
	}
}

// whole puts the two parts of a configuration together again.
func whole(effective k0sconfig.Config) map[string]any {
	document := runtime.DeepCopyJSON(effective.NodeLocal)
	overlay(document, runtime.DeepCopyJSON(map[string]any{"spec": effective.ClusterWide["spec"]}))
	return document
}

// overlay adds what is not there yet: what is in both parts says the same in both.
func overlay(document, more map[string]any) {
	for key, value := range more {
		object, isObject := value.(map[string]any)
		existing, both := document[key].(map[string]any)
		if isObject && both {
			overlay(existing, object)
			continue
		}
		document[key] = value
	}
}

// valueAt is the value at a path, nil when there is none.
func valueAt(document map[string]any, path ...string) any {
	var value any = document
	for _, key := range path {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

// ControllerConfig is the config of a controller. It is made once: its role is fixed, and another setting is another
// Machine.
func ControllerConfig(
	f Facts, name string, role bootstrapv1.ControllerRole, configuration Configuration,
) (*bootstrapv1.K0sControllerConfig, error) {
	document, err := json.Marshal(configuration.Document)
	if err != nil {
		return nil, fmt.Errorf("writing the k0s configuration: %w", err)
	}
	config := &bootstrapv1.K0sControllerConfig{ObjectMeta: f.meta(name)}
	config.OwnerReferences = append(config.OwnerReferences, f.owner())
	config.Spec.Role = role
	config.Spec.Version = f.ControlPlane.Spec.Version
	config.Spec.K0sConfigSpec = *f.ControlPlane.Spec.K0sConfigSpec.DeepCopy()
	config.Spec.K0s = runtime.RawExtension{Raw: document}
	return config, nil
}
