// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
)

// Keys of the Secret with the configuration.
const (
	// KeyK0sConfig is the k0s.yaml that a controller starts with: the node-local part. A change of it restarts pods.
	KeyK0sConfig = "k0s.yaml"
	// KeyClusterWide is the part that is applied to the running cluster. It is not in k0s.yaml too, because what k0s
	// itself puts into the cluster at its first start could not be removed again by leaving it out.
	KeyClusterWide = "cluster-wide.yaml"
	// KeyAuthentication is the configuration that opens the health paths to probes.
	KeyAuthentication = "authentication.yaml"
)

// configInputs is what the configuration is rendered from.
type configInputs struct {
	Version  string         `json:"version"`
	User     map[string]any `json:"user,omitempty"`
	Endpoint Endpoint       `json:"endpoint"`
	Network  Network        `json:"network"`
	Storage  string         `json:"storage"`
}

// Config is the configuration of a control plane.
type Config struct {
	// Secret holds it.
	Secret *corev1.Secret
	// Rendering tells what it was rendered from.
	Rendering child.Rendering
	// Ports are where k0s listens.
	Ports k0sconfig.Ports
}

// Configuration computes the configuration of k0s. What is wrong with the user's part comes back as k0sconfig.ConfigErrors.
func Configuration(facts Facts) (Config, error) {
	user, err := k0sconfig.Parse(facts.Settings.K0sConfig.Raw)
	if err != nil {
		return Config{}, fmt.Errorf("spec.k0sConfig: %w", err)
	}
	access := AccessOf(user, facts.Release.Version)
	effective, err := k0sconfig.Effective(user, k0sFacts(facts, access))
	if err != nil {
		return Config{}, fmt.Errorf("spec.k0sConfig: %w", err)
	}
	data, err := configData(effective, access)
	if err != nil {
		return Config{}, err
	}
	secret := &corev1.Secret{
		ObjectMeta: facts.Identity.Meta(child.RoleConfig, NamesOf(facts.Identity).ConfigSecret()),
		Type:       clusterv1.ClusterSecretType,
		Data:       data,
	}
	inputs := configInputs{
		Version: facts.Release.Version.Release(), User: user, Endpoint: facts.Endpoint,
		Network: facts.Network, Storage: facts.Storage.Fingerprint,
	}
	rendering, err := child.NewRendering(inputs, secret.Data)
	if err != nil {
		return Config{}, fmt.Errorf("rendering the k0s configuration: %w", err)
	}
	return Config{Secret: secret, Rendering: rendering, Ports: effective.Ports}, nil
}

func k0sFacts(facts Facts, access ProbeAccess) k0sconfig.Facts {
	return k0sconfig.Facts{
		Version: facts.Release.Version,
		API:     k0sconfig.Endpoint{ExternalHost: facts.Endpoint.Host, ExternalPort: int(facts.Endpoint.Port)},
		Konnectivity: k0sconfig.Endpoint{
			ExternalHost: facts.Endpoint.Host, ExternalPort: int(facts.Endpoint.KonnectivityPort),
		},
		SANs:               NamesOf(facts.Identity).ServiceHosts(),
		PodCIDRs:           facts.Network.PodCIDRs,
		ServiceCIDRs:       facts.Network.ServiceCIDRs,
		ServiceDomain:      facts.Network.ServiceDomain,
		Storage:            facts.Storage.K0s,
		APIServerExtraArgs: access.apiServerArgs(),
	}
}

func configData(effective k0sconfig.Config, access ProbeAccess) (map[string][]byte, error) {
	nodeLocal, err := effective.NodeLocalYAML()
	if err != nil {
		return nil, err
	}
	clusterWide, err := effective.ClusterWideYAML()
	if err != nil {
		return nil, err
	}
	data := map[string][]byte{KeyK0sConfig: nodeLocal, KeyClusterWide: clusterWide}
	if access == ProbeHTTP {
		data[KeyAuthentication] = []byte(authenticationConfiguration)
	}
	return data, nil
}
