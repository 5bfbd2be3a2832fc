// SPDX-License-Identifier: Apache-2.0

package clusterconfig

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"sigs.k8s.io/yaml"
)

// DefaultPath is read when no --config is given; it alone may be missing.
const DefaultPath = "/etc/k0s/k0s.yaml"

// Load reads and checks the file at path; address is the node's own, for what the file leaves open.
func Load(path, address string) (Config, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && path == DefaultPath {
		data, err = nil, nil
	}
	if err != nil {
		return Config{}, fmt.Errorf("reading configuration: %w", err)
	}
	cfg, err := Parse(data)
	if err != nil {
		return Config{}, fmt.Errorf("parsing configuration %s: %w", path, err)
	}
	cfg.given = cfg.Spec
	cfg.Spec = cfg.given.withDefaults(address)
	if err := cfg.Spec.Validate(); err != nil {
		return Config{}, fmt.Errorf("validating configuration %s: %w", path, err)
	}
	return cfg, nil
}

// Parse decodes data, refusing every key that Config does not name.
func Parse(data []byte) (Config, error) {
	cfg := Config{APIVersion: APIVersion, Kind: Kind}
	if err := yaml.UnmarshalStrict(data, &cfg); err != nil {
		return Config{}, fmt.Errorf("decoding: %w", err)
	}
	if cfg.APIVersion != APIVersion || cfg.Kind != Kind {
		return Config{}, fmt.Errorf("not a %s of %s: %s %s", Kind, APIVersion, cfg.APIVersion, cfg.Kind)
	}
	return cfg, nil
}

// ClusterWide is what the file says, without defaults, as far as it belongs into the object kube-system/k0s.
func (c Config) ClusterWide() Spec {
	s := c.given
	s.API, s.Storage = API{}, Storage{}
	s.Network.ServiceCIDR, s.Network.ClusterDomain, s.Network.PrimaryAddressFamily = "", "", ""
	return s
}

// WithClusterWide is s with everything cluster-wide replaced by the spec of the object kube-system/k0s.
func (s Spec) WithClusterWide(object any) (Spec, error) {
	data, err := json.Marshal(object)
	if err != nil {
		return Spec{}, fmt.Errorf("encoding cluster configuration: %w", err)
	}
	var merged Spec
	if err := yaml.UnmarshalStrict(data, &merged); err != nil {
		return Spec{}, fmt.Errorf("decoding cluster configuration: %w", err)
	}
	merged.API, merged.Storage = s.API, s.Storage
	merged.Network.ServiceCIDR = s.Network.ServiceCIDR
	merged.Network.ClusterDomain = s.Network.ClusterDomain
	merged.Network.PrimaryAddressFamily = s.Network.PrimaryAddressFamily
	merged = merged.withDefaults(s.API.Address)
	return merged, merged.Validate()
}
