// SPDX-License-Identifier: Apache-2.0

package clusterconfig

import (
	"cmp"
	"net"
	"strconv"
	"strings"
)

// Names of the storage types and of the network provider that the stand-in leaves to others.
const (
	StorageEtcd    = "etcd"
	StorageKine    = "kine"
	ProviderCustom = "custom"
)

func (s Spec) withDefaults(address string) Spec {
	s.API.Address = cmp.Or(s.API.Address, address)
	s.API.Port = cmp.Or(s.API.Port, 6443)
	s.API.K0sAPIPort = cmp.Or(s.API.K0sAPIPort, 9443)
	s.Storage.Type = cmp.Or(s.Storage.Type, StorageEtcd)
	s.Storage.Etcd.PeerAddress = cmp.Or(s.Storage.Etcd.PeerAddress, address)
	s.Network.Provider = cmp.Or(s.Network.Provider, "kuberouter")
	s.Network.PodCIDR = cmp.Or(s.Network.PodCIDR, "10.244.0.0/16")
	s.Network.ServiceCIDR = cmp.Or(s.Network.ServiceCIDR, "10.96.0.0/12")
	s.Network.ClusterDomain = cmp.Or(s.Network.ClusterDomain, "cluster.local")
	s.Network.KubeProxy.Mode = cmp.Or(s.Network.KubeProxy.Mode, "iptables")
	s.Konnectivity.AgentPort = cmp.Or(s.Konnectivity.AgentPort, 8132)
	s.Konnectivity.AdminPort = cmp.Or(s.Konnectivity.AdminPort, 8133)
	s.Images = s.Images.withDefaults()
	return s
}

// The names and tags are those of k0s v1.36.3+k0s.2, so that the lab's images serve both programs.
func (i Images) withDefaults() Images {
	const registry = "quay.io/k0sproject/"
	i.DefaultPullPolicy = cmp.Or(i.DefaultPullPolicy, "IfNotPresent")
	i.Konnectivity = i.Konnectivity.or(registry+"apiserver-network-proxy-agent", "v0.36.0-k0s.0")
	i.KubeProxy = i.KubeProxy.or(registry+"kube-proxy", "v1.36.3-1")
	i.CoreDNS = i.CoreDNS.or(registry+"coredns", "1.14.6-k0s.0")
	i.Pause = i.Pause.or(registry+"pause", "3.10.2-0")
	return i
}

func (i Image) or(image, version string) Image {
	return Image{Image: cmp.Or(i.Image, image), Version: cmp.Or(i.Version, version)}
}

// ExternalHost is the host of the external address, without a port.
func (a API) ExternalHost() string {
	if host, _, err := net.SplitHostPort(a.ExternalAddress); err == nil {
		return host
	}
	return a.ExternalAddress
}

// ExternalPort is the port that clients outside use.
func (a API) ExternalPort() int {
	if _, port, err := net.SplitHostPort(a.ExternalAddress); err == nil {
		if number, err := strconv.Atoi(port); err == nil {
			return number
		}
	}
	return a.Port
}

// ExternalURL is where nodes and their pods reach the API server.
func (a API) ExternalURL() string {
	host := cmp.Or(a.ExternalHost(), a.Address)
	return "https://" + net.JoinHostPort(host, strconv.Itoa(a.ExternalPort()))
}

// PodCIDRs are the pods' ranges as programs take them, the primary family first.
func (n Network) PodCIDRs() string { return n.ranges(n.PodCIDR, n.DualStack.IPv6PodCIDR) }

// ServiceCIDRs are the ranges of Services as programs take them, the primary family first.
func (n Network) ServiceCIDRs() string { return n.ranges(n.ServiceCIDR, n.DualStack.IPv6ServiceCIDR) }

func (n Network) ranges(v4, v6 string) string {
	switch {
	case !n.DualStack.Enabled:
		return v4
	case n.PrimaryAddressFamily == "IPv6":
		return v6 + "," + v4
	default:
		return v4 + "," + v6
	}
}

// AgentAddress is the host and port that konnectivity agents dial.
func (s Spec) AgentAddress() (host string, port int) {
	host, port = cmp.Or(s.API.ExternalHost(), s.API.Address), s.Konnectivity.AgentPort
	external := s.Konnectivity.ExternalAddress
	if external == "" {
		return host, port
	}
	if h, p, err := net.SplitHostPort(external); err == nil {
		if number, err := strconv.Atoi(p); err == nil {
			return h, number
		}
	}
	return strings.Trim(external, "[]"), port
}

// Joinable is whether another controller could use the same storage, which makes k0s elect a leader.
func (s Storage) Joinable() bool {
	return s.Type == StorageEtcd || !strings.HasPrefix(s.Kine.DataSource, "sqlite") && s.Kine.DataSource != ""
}

// FeatureGatesFor lists the gates of one component as its --feature-gates value wants them.
func (s Spec) FeatureGatesFor(component string) string {
	var gates []string
	for _, gate := range s.FeatureGates {
		if len(gate.Components) == 0 || strings.Contains(","+strings.Join(gate.Components, ",")+",", ","+component+",") {
			gates = append(gates, gate.Name+"="+strconv.FormatBool(gate.Enabled))
		}
	}
	return strings.Join(gates, ",")
}
