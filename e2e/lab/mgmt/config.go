// SPDX-License-Identifier: Apache-2.0

package mgmt

import (
	"bytes"
	"embed"
	"fmt"
	"path/filepath"
	"text/template"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

//go:embed config
var configFiles embed.FS

// PauseImage keeps the namespaces of every pod of the management cluster.
const PauseImage = "lab.k0smotron.io/pause:v1"

// settings is what the templates see.
type settings struct {
	State, Run, Config, PKI, Logs, CAFile, ContainerdSocket string
	MgmtIP, NodeName, CgroupRoot                            string
	PodCIDR, DNSServiceIP, ClusterDomain                    string
	PauseImage                                              string
}

func settingsOf(p layout.Paths) settings {
	return settings{
		State: p.State, Run: p.Run, Config: p.Config(), PKI: p.PKI(), Logs: p.Logs(),
		CAFile: filepath.Join(p.PKI(), "ca.crt"), ContainerdSocket: p.ContainerdSocket(),
		MgmtIP: layout.MgmtIP, NodeName: layout.NodeName, CgroupRoot: layout.CgroupRoot,
		PodCIDR: layout.PodCIDR, DNSServiceIP: layout.DNSServiceIP, ClusterDomain: layout.ClusterDomain,
		PauseImage: PauseImage,
	}
}

// configs maps the embedded files to where they go below Config.
func configs() map[string]string {
	return map[string]string{
		"audit-policy.yaml": "audit-policy.yaml",
		"containerd.toml":   "containerd.toml",
		"cni.conflist":      filepath.Join("cni", "10-k0slab.conflist"),
		"kubelet.yaml":      "kubelet.yaml",
		"kube-proxy.yaml":   "kube-proxy.yaml",
	}
}

// render gives the configuration files of the cluster, keyed by path below Config.
func render(p layout.Paths) (map[string][]byte, error) {
	rendered := map[string][]byte{}
	for source, target := range configs() {
		parsed, err := template.New(source).Option("missingkey=error").ParseFS(configFiles, "config/"+source)
		if err != nil {
			return nil, fmt.Errorf("parsing %s: %w", source, err)
		}
		var out bytes.Buffer
		if err := parsed.Execute(&out, settingsOf(p)); err != nil {
			return nil, fmt.Errorf("rendering %s: %w", source, err)
		}
		rendered[target] = out.Bytes()
	}
	return rendered, nil
}

// WriteConfig writes the configuration files of the cluster.
func WriteConfig(p layout.Paths) error {
	rendered, err := render(p)
	if err != nil {
		return err
	}
	for name, content := range rendered {
		if err := layout.Write(filepath.Join(p.Config(), name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
