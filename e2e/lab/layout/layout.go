// SPDX-License-Identifier: Apache-2.0

// Package layout names everything the lab puts on its host: addresses, devices, directories and files.
// Whatever is not below State, Run or Cache, or named here, does not belong to the lab.
package layout

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// The lab's network. Everything is one Ethernet segment on Bridge.
const (
	Bridge    = "k0slab0"
	Subnet    = "10.211.0.0/24"
	HostIP    = "10.211.0.1"
	PrefixLen = 24

	// MgmtNetns is the network namespace in which the management cluster lives.
	MgmtNetns = "k0slab-mgmt"
	MgmtIP    = "10.211.0.2"
	// MgmtVeth is the host's end of the pair that connects MgmtNetns to Bridge.
	MgmtVeth = "k0slab-m"

	PodCIDR     = "10.212.0.0/16"
	ServiceCIDR = "10.213.0.0/16"
	// APIServiceIP is the ClusterIP of Service default/kubernetes.
	APIServiceIP  = "10.213.0.1"
	DNSServiceIP  = "10.213.0.10"
	ClusterDomain = "cluster.local"

	// LoadBalancerFirst and LoadBalancerLast bound the addresses that Services of type LoadBalancer get.
	LoadBalancerFirst = "10.211.0.200"
	LoadBalancerLast  = "10.211.0.249"

	// BalancerNetns is the network namespace that has the addresses of load balancers in front of machines, so that their
	// ports are nobody else's; BalancerVeth is the host's end of the pair that connects it to Bridge.
	BalancerNetns = "k0slab-lb"
	BalancerVeth  = "k0slab-lb"
	BalancerIP    = "10.211.0.3"
	// BalancerFirst and BalancerLast bound the addresses that clusters with a load balancer get, one each.
	BalancerFirst = "10.211.0.150"
	BalancerLast  = "10.211.0.169"
)

// Names of the management cluster.
const (
	NodeName     = "k0slab-mgmt"
	APIServerURL = "https://" + MgmtIP + ":6443"
	// CgroupRoot is the parent of all pods of the management cluster, below the root of each hierarchy.
	CgroupRoot = "/k0slab-mgmt"
)

// Versions of what the lab runs; each is also part of a directory name below Bin.
const (
	KubernetesVersion  = "v1.36.3"
	EtcdVersion        = "v3.6.14"
	CoreDNSVersion     = "v1.15.0"
	CertManagerVersion = "v1.21.2"
	ClusterAPIVersion  = "v1.14.2"
)

// Paths are the directories of one lab.
type Paths struct {
	// State survives a reboot: etcd, images, volumes, credentials, logs.
	State string
	// Run does not: pid files and sockets.
	Run string
	// Cache holds what is expensive to build and stays when the lab goes.
	Cache string
	// Repo is the root of the source tree.
	Repo string
}

// Default gives the paths every lab uses; repo is the root of the source tree.
func Default(repo string) (Paths, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return Paths{}, fmt.Errorf("finding the cache directory: %w", err)
	}
	return Paths{
		State: "/var/lib/k0smotron-lab",
		Run:   "/run/k0smotron-lab",
		Cache: filepath.Join(cache, "k0smotron"),
		Repo:  repo,
	}, nil
}

// Kubeconfig is the administrator's, usable from the host.
func (p Paths) Kubeconfig() string { return filepath.Join(p.State, "kubeconfig") }

// Logs holds one file per process.
func (p Paths) Logs() string { return filepath.Join(p.State, "logs") }

// AuditLog records every request to the management cluster at level Metadata.
func (p Paths) AuditLog() string { return filepath.Join(p.State, "audit.log") }

// PKI holds the keys and certificates of the management cluster.
func (p Paths) PKI() string { return filepath.Join(p.State, "pki") }

// Config holds the rendered configuration files of the management cluster.
func (p Paths) Config() string { return filepath.Join(p.State, "config") }

// Volumes holds one directory per provisioned PersistentVolume.
func (p Paths) Volumes() string { return filepath.Join(p.State, "volumes") }

// Balancers holds one file per load balancer in front of machines.
func (p Paths) Balancers() string { return filepath.Join(p.State, "balancers") }

// ContainerdSocket is the socket of the lab's own containerd.
func (p Paths) ContainerdSocket() string {
	return filepath.Join(p.Run, "containerd", "containerd.sock")
}

// MountNamespace is the file that keeps the mount namespace of containerd and the kubelet.
func (p Paths) MountNamespace() string { return filepath.Join(p.Run, "namespace", "mnt") }

// ClusterctlConfig is what `clusterctl --config` takes.
func (p Paths) ClusterctlConfig() string { return filepath.Join(p.State, "clusterctl.yaml") }

// Repository is the local clusterctl repository of the lab's providers.
func (p Paths) Repository() string { return filepath.Join(p.State, "repository") }

// Images holds built image archives.
func (p Paths) Images() string { return filepath.Join(p.Cache, "images") }

// Dist is where `make dist` puts the rendered providers.
func (p Paths) Dist() string { return filepath.Join(p.Repo, "dist") }

// Bin is a built program: family is the folder's name without its version.
func (p Paths) Bin(family, version, program string) string {
	return filepath.Join(p.Cache, "bin", family+"-"+version, program)
}

// Kubernetes is one program of the management cluster's Kubernetes.
func (p Paths) Kubernetes(program string) string {
	return p.Bin("kubernetes", KubernetesVersion, program)
}

// Arch is the Go name of this machine's architecture.
func Arch() string { return runtime.GOARCH }
