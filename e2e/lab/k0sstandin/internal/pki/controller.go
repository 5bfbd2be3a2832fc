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

// leaf is a certificate of the controller, and the kubeconfig that is made of it, if any.
type leaf struct {
	name, commonName, organization string
	user                           string
	kubeconfig                     string
	kubeconfigMode                 fs.FileMode
	hosts                          []string
}

func (l leaf) request() Request {
	return Request{
		Name: l.name, CommonName: l.commonName, Organization: l.organization, Hosts: l.hosts, Owner: UID(l.user),
	}
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
	for _, leaf := range c.leaves() {
		group.Go(func() error { return s.ensureWithKubeconfig(cluster, leaf, c.Server) })
	}
	return errors.Join(group.Wait(), os.Chown(s.Path("ca.key"), apiServer, -1))
}

func (c Controller) leaves() []leaf {
	const (
		masters   = "system:masters"
		manager   = "system:kube-controller-manager"
		scheduler = "system:kube-scheduler"
		client    = "apiserver-kubelet-client"
	)
	return []leaf{
		{"admin", "kubernetes-admin", masters, "root", "admin.conf", OwnerMode, nil},
		{"konnectivity", "kubernetes-konnectivity", masters, UserKonnectivity, "konnectivity.conf", KeyMode, nil},
		{"ccm", manager, manager, UserAPIServer, "ccm.conf", OwnerMode, nil},
		{"scheduler", scheduler, scheduler, UserScheduler, "scheduler.conf", OwnerMode, nil},
		{client, client, masters, UserAPIServer, "", 0, nil},
		{"server", "kubernetes", "kubernetes", UserAPIServer, "", 0, c.Hosts},
		{"k0s-api", "k0s-api", "kubernetes", UserAPIServer, "", 0, c.Hosts},
	}
}

func (s Store) ensureWithKubeconfig(authority *Authority, leaf leaf, server string) error {
	request := leaf.request()
	pair, err := s.EnsureLeaf(authority, request)
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
		os.Chown(s.Path(leaf.kubeconfig), request.Owner, -1),
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
