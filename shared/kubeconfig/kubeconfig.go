// SPDX-License-Identifier: Apache-2.0

package kubeconfig

import (
	"errors"
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/k0smotron/k0smotron/shared/pki"
)

// Admin is what an admin kubeconfig is about.
type Admin struct {
	// Cluster is the name of the Cluster; the entries are named after it.
	Cluster string
	// Server is the URL of kube-apiserver, https://host:port.
	Server string
}

func (a Admin) user() string    { return a.Cluster + "-admin" }
func (a Admin) context() string { return a.user() + "@" + a.Cluster }

// Build issues an admin certificate from the cluster CA and wraps it in a
// kubeconfig. Every call issues a new certificate: ask [RenewalOf] first.
func Build(issuer pki.Issuer, ca pki.CA, admin Admin) ([]byte, error) {
	if admin.Cluster == "" || admin.Server == "" {
		return nil, errors.New("building kubeconfig: cluster name and server are needed")
	}
	pair, err := issuer.Issue(ca, pki.Admin())
	if err != nil {
		return nil, fmt.Errorf("building kubeconfig: %w", err)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[admin.Cluster] = &clientcmdapi.Cluster{Server: admin.Server, CertificateAuthorityData: ca.PEM}
	config.AuthInfos[admin.user()] = &clientcmdapi.AuthInfo{ClientCertificateData: pair.Cert, ClientKeyData: pair.Key}
	config.Contexts[admin.context()] = &clientcmdapi.Context{Cluster: admin.Cluster, AuthInfo: admin.user()}
	config.CurrentContext = admin.context()
	written, err := clientcmd.Write(*config)
	if err != nil {
		return nil, fmt.Errorf("building kubeconfig: %w", err)
	}
	return written, nil
}

// Content is what a kubeconfig's current context leads to.
type Content struct {
	// Server is the URL of kube-apiserver.
	Server string
	// CA is the PEM certificate the server is checked against.
	CA []byte
	// Client is the client certificate and its key.
	Client pki.Pair
}

// Parse follows the current context of a kubeconfig.
func Parse(kubeconfig []byte) (Content, error) {
	config, err := clientcmd.Load(kubeconfig)
	if err != nil {
		return Content{}, fmt.Errorf("reading kubeconfig: %w", err)
	}
	current, ok := config.Contexts[config.CurrentContext]
	if !ok {
		return Content{}, fmt.Errorf("reading kubeconfig: there is no context %q", config.CurrentContext)
	}
	cluster, hasCluster := config.Clusters[current.Cluster]
	user, hasUser := config.AuthInfos[current.AuthInfo]
	if !hasCluster || !hasUser {
		return Content{}, fmt.Errorf(
			"reading kubeconfig: context %q names a cluster or user that is missing",
			config.CurrentContext,
		)
	}
	return Content{
		Server: cluster.Server,
		CA:     cluster.CertificateAuthorityData,
		Client: pki.Pair{Cert: user.ClientCertificateData, Key: user.ClientKeyData},
	}, nil
}
