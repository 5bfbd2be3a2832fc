// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"text/template"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/clusterconfig"
	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/version"
)

//go:embed manifests/*.yaml
var manifests embed.FS

// values are what the manifests are rendered from.
type values struct {
	Minor         string
	Profiles      []string
	Images        clusterconfig.Images
	ClusterDomain string
	ClusterDNS    string
	PodCIDR       string
	ProxyMode     string
	ServerURL     string
	AgentHost     string
	AgentPort     int
}

func valuesOf(spec clusterconfig.Spec) (values, error) {
	dns, err := addressIn(spec.Network.ServiceCIDR, 10)
	if err != nil {
		return values{}, err
	}
	host, port := spec.AgentAddress()
	return values{
		Minor: version.KubernetesMinor, Profiles: profileNames(spec), Images: spec.Images,
		ClusterDomain: spec.Network.ClusterDomain, ClusterDNS: dns, PodCIDR: spec.Network.PodCIDRs(),
		ProxyMode: spec.Network.KubeProxy.Mode, ServerURL: spec.API.ExternalURL(), AgentHost: host, AgentPort: port,
	}, nil
}

// addon is one set of objects, wanted or not.
type addon struct {
	name   string
	wanted bool
}

func (c *Controller) addons(spec clusterconfig.Spec) []addon {
	applied := c.enabled("applier-manager")
	return []addon{
		{"system-rbac", c.enabled("system-rbac")},
		{"coredns", applied && c.enabled("coredns")},
		{"kube-proxy", applied && c.enabled("kube-proxy") && !spec.Network.KubeProxy.Disabled},
		{"konnectivity-agent", applied && c.enabled("konnectivity-server")},
	}
}

// render is the objects of one manifest.
func render(name string, v values) ([]*unstructured.Unstructured, error) {
	parsed, err := template.ParseFS(manifests, "manifests/"+name+".yaml")
	if err != nil {
		return nil, fmt.Errorf("parsing manifest %s: %w", name, err)
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, v); err != nil {
		return nil, fmt.Errorf("rendering manifest %s: %w", name, err)
	}
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(&text, 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading manifest %s: %w", name, err)
		}
		objects = append(objects, object)
	}
}
