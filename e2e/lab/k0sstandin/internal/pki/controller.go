// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Users of the programs that a controller starts.
const (
	UserAPIServer    = "kube-apiserver"
	UserScheduler    = "kube-scheduler"
	UserKonnectivity = "konnectivity-server"
	UserEtcd         = "etcd"
)

// UID is the id of a user, or root's when the system does not know the user.
func UID(name string) int {
	found, err := user.Lookup(name)
	if err != nil {
		return 0
	}
	id, err := strconv.Atoi(found.Uid)
	if err != nil {
		return 0
	}
	return id
}

// Controller is what the certificates of one controller depend on.
type Controller struct {
	Server string
	Hosts  []string
}

type leaf struct {
	Request
	kubeconfig     string
	kubeconfigMode fs.FileMode
}

// EnsureController issues everything a controller needs besides etcd's own certificates.
func (s Store) EnsureController(c Controller) error {
	if err := initDir(s.Dir, DirMode); err != nil {
		return err
	}
	cluster, err := s.EnsureAuthority("ca", "kubernetes-ca")
	if err != nil {
		return err
	}
	frontProxy, err := s.EnsureAuthority("front-proxy-ca", "kubernetes-front-proxy-ca")
	if err != nil {
		return err
	}
	apiServer := UID(UserAPIServer)
	var group errgroup.Group
	group.Go(func() error { return s.EnsureServiceAccountKeys(apiServer) })
	group.Go(func() error {
		name := "front-proxy-client"
		_, err := s.EnsureLeaf(frontProxy, Request{Name: name, CommonName: name, Organization: name, Owner: apiServer})
		return err
	})
	for _, leaf := range c.leaves(apiServer) {
		group.Go(func() error { return s.ensureWithKubeconfig(cluster, leaf, c.Server) })
	}
	return errors.Join(group.Wait(), os.Chown(s.Path("ca.key"), apiServer, -1))
}

func (c Controller) leaves(apiServer int) []leaf {
	const masters = "system:masters"
	return []leaf{
		{
			Request:        Request{Name: "admin", CommonName: "kubernetes-admin", Organization: masters},
			kubeconfig:     "admin.conf",
			kubeconfigMode: OwnerMode,
		},
		{
			Request: Request{
				Name:         "konnectivity",
				CommonName:   "kubernetes-konnectivity",
				Organization: masters,
				Owner:        UID(UserKonnectivity),
			},
			kubeconfig:     "konnectivity.conf",
			kubeconfigMode: KeyMode,
		},
		{
			Request: Request{
				Name:         "ccm",
				CommonName:   "system:kube-controller-manager",
				Organization: "system:kube-controller-manager",
				Owner:        apiServer,
			},
			kubeconfig:     "ccm.conf",
			kubeconfigMode: OwnerMode,
		},
		{
			Request: Request{
				Name:         "scheduler",
				CommonName:   "system:kube-scheduler",
				Organization: "system:kube-scheduler",
				Owner:        UID(UserScheduler),
			},
			kubeconfig:     "scheduler.conf",
			kubeconfigMode: OwnerMode,
		},
		{
			Request: Request{
				Name:         "apiserver-kubelet-client",
				CommonName:   "apiserver-kubelet-client",
				Organization: masters,
				Owner:        apiServer,
			},
		},
		{
			Request: Request{
				Name:         "server",
				CommonName:   "kubernetes",
				Organization: "kubernetes",
				Hosts:        c.Hosts,
				Owner:        apiServer,
			},
		},
		{
			Request: Request{
				Name:         "k0s-api",
				CommonName:   "k0s-api",
				Organization: "kubernetes",
				Hosts:        c.Hosts,
				Owner:        apiServer,
			},
		},
	}
}

func (s Store) ensureWithKubeconfig(authority *Authority, leaf leaf, server string) error {
	pair, err := s.EnsureLeaf(authority, leaf.Request)
	if err != nil || leaf.kubeconfig == "" {
		return err
	}
	data, err := clientcmd.Write(clientcmdapi.Config{
		CurrentContext: "Default",
		Clusters:       map[string]*clientcmdapi.Cluster{"local": {Server: server, CertificateAuthorityData: authority.PEM}},
		Contexts:       map[string]*clientcmdapi.Context{"Default": {Cluster: "local", AuthInfo: "user"}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{
			"user": {ClientCertificateData: pair.Certificate, ClientKeyData: pair.Key},
		},
	})
	if err != nil {
		return fmt.Errorf("encoding %s: %w", leaf.kubeconfig, err)
	}
	return errors.Join(
		s.write(leaf.kubeconfig, data, leaf.kubeconfigMode),
		os.Chown(s.Path(leaf.kubeconfig), leaf.Owner, -1),
	)
}

// EnsureEtcd issues the certificates of an etcd that runs here and answers to peers at peerAddress.
func (s Store) EnsureEtcd(peerAddress string) error {
	if err := initDir(s.Path("etcd"), EtcdDirMode); err != nil {
		return err
	}
	authority, err := s.EnsureAuthority("etcd/ca", "etcd-ca")
	if err != nil {
		return err
	}
	local := []string{"127.0.0.1", "localhost"}
	owner := UID(UserEtcd)
	var group errgroup.Group
	for _, request := range []Request{
		{Name: "apiserver-etcd-client", CommonName: "apiserver-etcd-client", Organization: "apiserver-etcd-client", Hosts: local, Owner: UID(UserAPIServer)},
		{Name: "etcd/server", CommonName: "etcd-server", Organization: "etcd-server", Hosts: local, Owner: owner},
		{Name: "etcd/peer", CommonName: peerAddress, Organization: "etcd-peer", Hosts: []string{peerAddress}, Owner: owner},
	} {
		group.Go(func() error { _, err := s.EnsureLeaf(authority, request); return err })
	}
	return errors.Join(group.Wait(), os.Chown(s.Path("etcd"), owner, -1), os.Chown(s.Path("etcd/ca.crt"), owner, -1))
}

func initDir(path string, mode fs.FileMode) error {
	if err := os.MkdirAll(path, mode); err != nil {
		return fmt.Errorf("making %s: %w", path, err)
	}
	return os.Chmod(path, mode)
}
