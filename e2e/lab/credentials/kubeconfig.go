// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"fmt"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// EnsureKubeconfig writes a kubeconfig that holds the pair called name to path, making the pair if need be.
func (a *Authority) EnsureKubeconfig(path, server, name string, s Subject) error {
	if err := a.Ensure(name, s); err != nil {
		return err
	}
	config, err := a.kubeconfig(server, name)
	if err != nil {
		return fmt.Errorf("building kubeconfig of %s: %w", name, err)
	}
	content, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("encoding kubeconfig of %s: %w", name, err)
	}
	return layout.Write(path, content, 0o600)
}

func (a *Authority) kubeconfig(server, name string) (*clientcmdapi.Config, error) {
	ca, err := os.ReadFile(a.CAFile())
	if err != nil {
		return nil, err
	}
	certificate, err := os.ReadFile(a.CertFile(name))
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(a.KeyFile(name))
	if err != nil {
		return nil, err
	}
	const lab = "k0smotron-lab"
	config := clientcmdapi.NewConfig()
	config.Clusters[lab] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: certificate, ClientKeyData: key}
	config.Contexts[lab] = &clientcmdapi.Context{Cluster: lab, AuthInfo: name}
	config.CurrentContext = lab
	return config, nil
}
