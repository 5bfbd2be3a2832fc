// SPDX-License-Identifier: Apache-2.0

package mgmt

import (
	"path/filepath"

	"k8s.io/utils/clock"

	"github.com/k0smotron/k0smotron/e2e/lab/credentials"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// identity is one client of the API server.
type identity struct {
	name    string
	subject credentials.Subject
}

func identities() []identity {
	return []identity{
		{"admin", credentials.Subject{Name: "lab-admin", Groups: []string{"system:masters"}}},
		{"kube-controller-manager", credentials.Subject{Name: "system:kube-controller-manager"}},
		{"kube-scheduler", credentials.Subject{Name: "system:kube-scheduler"}},
		{"kube-proxy", credentials.Subject{Name: "system:kube-proxy"}},
		{"kubelet", credentials.Subject{Name: "system:node:" + layout.NodeName, Groups: []string{"system:nodes"}}},
	}
}

// WriteCredentials makes every certificate, key and kubeconfig of the cluster that does not exist yet.
func WriteCredentials(p layout.Paths, c clock.PassiveClock) error {
	authority, err := credentials.Load(p.PKI(), c)
	if err != nil {
		return err
	}
	servers := map[string]credentials.Subject{
		"apiserver": {Name: "kube-apiserver", Hosts: []string{
			layout.MgmtIP, layout.APIServiceIP, "127.0.0.1", "localhost", "kubernetes", "kubernetes.default",
			"kubernetes.default.svc", "kubernetes.default.svc." + layout.ClusterDomain,
		}},
		"kubelet-server":           {Name: "kubelet", Hosts: []string{layout.MgmtIP, layout.NodeName}},
		"apiserver-kubelet-client": {Name: "kube-apiserver-kubelet-client", Groups: []string{"system:masters"}},
	}
	for name, subject := range servers {
		if err := authority.Ensure(name, subject); err != nil {
			return err
		}
	}
	if err := authority.EnsureKey("service-account"); err != nil {
		return err
	}
	for _, id := range identities() {
		path := kubeconfig(p, id.name)
		if err := authority.EnsureKubeconfig(path, layout.APIServerURL, id.name, id.subject); err != nil {
			return err
		}
	}
	return nil
}

// kubeconfig of one client; the administrator's is for people and lies in plain sight.
func kubeconfig(p layout.Paths, name string) string {
	if name == "admin" {
		return p.Kubeconfig()
	}
	return filepath.Join(p.Config(), name+".kubeconfig")
}
