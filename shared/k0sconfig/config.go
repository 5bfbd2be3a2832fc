// SPDX-License-Identifier: Apache-2.0

package k0sconfig

import (
	"fmt"

	"sigs.k8s.io/yaml"
)

// Config is an effective k0s configuration, cut into the part that stands in
// the k0s.yaml of every controller and the part that lives in the cluster.
type Config struct {
	// NodeLocal is the ClusterConfig document for k0s.yaml. Changing it means
	// restarting controllers.
	NodeLocal map[string]any
	// ClusterWide is the ClusterConfig object kube-system/k0s, ready for
	// server-side apply. Changing it restarts nothing.
	ClusterWide map[string]any
	// Ports are where k0s will listen with NodeLocal.
	Ports Ports
}

// Effective merges the user's ClusterConfig document with the facts. The
// document is never changed. What is wrong with it comes back as [Problems],
// all at once.
func Effective(user map[string]any, facts Facts) (Config, error) {
	return Config{}, nil
}

// ListenPorts are the ports on which k0s listens when the user chose none:
// what a Service has to target before the whole configuration is known. Only
// Version, API and Konnectivity are needed.
func ListenPorts(facts Facts) Ports { return Ports{} }

// NodeLocalYAML is the content of k0s.yaml.
func (c Config) NodeLocalYAML() ([]byte, error) { return toYAML(c.NodeLocal) }

// ClusterWideYAML is the ClusterConfig object as YAML.
func (c Config) ClusterWideYAML() ([]byte, error) { return toYAML(c.ClusterWide) }

func toYAML(document map[string]any) ([]byte, error) {
	written, err := yaml.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("writing k0s configuration: %w", err)
	}
	return written, nil
}
