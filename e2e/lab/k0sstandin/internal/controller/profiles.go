// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/clusterconfig"
	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/version"
)

const defaultProfile = "default"

// profileName is the ConfigMap in which a worker of this minor finds its profile.
func profileName(profile string) string {
	return "worker-config-" + profile + "-" + version.KubernetesMinor
}

func profileNames(spec clusterconfig.Spec) []string {
	names := []string{profileName(defaultProfile)}
	for _, profile := range spec.WorkerProfiles {
		names = append(names, profileName(profile.Name))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// profileObjects are the ConfigMaps of all worker profiles; servers are the API servers as their Endpoints say.
func (c *Controller) profileObjects(spec clusterconfig.Spec, servers []string) ([]*unstructured.Unstructured, error) {
	profiles := map[string]json.RawMessage{defaultProfile: nil}
	for _, profile := range spec.WorkerProfiles {
		profiles[profile.Name] = profile.Values
	}
	var objects []*unstructured.Unstructured
	for _, name := range slices.Sorted(maps.Keys(profiles)) {
		data, err := c.profileData(spec, profiles[name], servers)
		if err != nil {
			return nil, fmt.Errorf("rendering worker profile %s: %w", name, err)
		}
		objects = append(objects, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "data": data,
			"metadata": map[string]any{
				"name": profileName(name), "namespace": clusterconfig.Namespace,
				"labels": map[string]any{"app.kubernetes.io/component": "worker-config", "k0s.k0sproject.io/worker-profile": name},
			},
		}})
	}
	return objects, nil
}

func (c *Controller) profileData(
	spec clusterconfig.Spec,
	overrides json.RawMessage,
	servers []string,
) (map[string]any, error) {
	kubelet, err := kubeletConfiguration(spec, overrides)
	if err != nil {
		return nil, err
	}
	data := map[string]any{}
	for key, value := range map[string]any{
		"apiServerAddresses":   servers,
		"kubeletConfiguration": kubelet,
		"konnectivity":         map[string]any{"enabled": c.enabled("konnectivity-server"), "agentPort": spec.Konnectivity.AgentPort},
		"pauseImage":           spec.Images.Pause,
		"autopilotDisabled":    !c.enabled("autopilot"),
		"primaryAddressFamily": "IPv4",
	} {
		encoded, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("encoding %s: %w", key, err)
		}
		data[key] = string(encoded)
	}
	return data, nil
}

func kubeletConfiguration(spec clusterconfig.Spec, overrides json.RawMessage) (map[string]any, error) {
	dns, err := addressIn(spec.Network.ServiceCIDR, 10)
	if err != nil {
		return nil, err
	}
	kubelet := map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"clusterDNS": []string{dns}, "clusterDomain": spec.Network.ClusterDomain,
		"failSwapOn": false, "rotateCertificates": true, "serverTLSBootstrap": true, "tlsMinVersion": "VersionTLS12",
		"eventRecordQPS": 0, "kubeReservedCgroup": "system.slice", "kubeletCgroups": "/system.slice/containerd.service",
		"volumePluginDir": "/usr/libexec/k0s/kubelet-plugins/volume/exec",
	}
	if len(overrides) > 0 {
		if err := json.Unmarshal(overrides, &kubelet); err != nil {
			return nil, fmt.Errorf("reading values: %w", err)
		}
	}
	return kubelet, nil
}
