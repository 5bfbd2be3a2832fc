// SPDX-License-Identifier: Apache-2.0

// Package desired computes the objects of a hosted control plane from the user's settings and the facts of the cluster.
// Nothing in it reads or writes anything: objects and facts in, objects out.
package desired

import (
	"net"
	"strconv"
	"strings"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/storage"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

// Facts are what a control plane is computed from.
type Facts struct {
	// Identity says whose control plane it is.
	Identity child.Identity
	// Settings are the user's.
	Settings controlplanev1.ControlPlaneSettings
	// Release is what runs: the image and the k0s release in it.
	Release Release
	// Endpoint is where the control plane is reached.
	Endpoint Endpoint
	// Network holds the ranges of the workload cluster.
	Network Network
	// Storage is where the API server keeps its data.
	Storage storage.Backend
	// Certificates is the fingerprint of the certificates that are placed in the pod.
	Certificates string
	// Restarted is the mark of the last restart for the sake of certificates.
	Restarted string
	// Key makes fingerprints of what must not be read from annotations.
	Key child.Key
}

// Endpoint is where a control plane is reached from outside.
type Endpoint struct {
	// Host is a DNS name or an IP address.
	Host string `json:"host"`
	// Port is the port of the API server.
	Port int32 `json:"port"`
	// KonnectivityPort is the port for konnectivity agents at the same host.
	KonnectivityPort int32 `json:"konnectivityPort"`
}

// URL is the address of the API server.
func (e Endpoint) URL() string {
	return "https://" + net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port)))
}

// SplitAddress splits an external address into host and port; the port is 0 when there is none.
func SplitAddress(address string) (host string, port int32) {
	name, text, err := net.SplitHostPort(address)
	if err != nil {
		return strings.Trim(address, "[]"), 0
	}
	number, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return strings.Trim(address, "[]"), 0
	}
	return name, int32(number)
}

// Network holds the ranges of a workload cluster. They never change.
type Network struct {
	// PodCIDRs are the ranges of pods.
	PodCIDRs []string `json:"podCIDRs,omitempty"`
	// ServiceCIDRs are the ranges of Services.
	ServiceCIDRs []string `json:"serviceCIDRs,omitempty"`
	// ServiceDomain is the DNS domain of Services.
	ServiceDomain string `json:"serviceDomain,omitempty"`
}

// Release is what runs in a pod.
type Release struct {
	// Image is the k0s image with its tag.
	Image string
	// Version is the k0s release in the image.
	Version k0sversion.Version
}

// Names are the names of the objects of a control plane.
type Names struct{ identity child.Identity }

// NamesOf returns the names of a control plane.
func NamesOf(identity child.Identity) Names { return Names{identity: identity} }

// Service is the name of the Service in front of the pods.
func (n Names) Service() string { return n.identity.Name(child.RoleAPI, contract.NameLimit) }

// StatefulSet is the name of the StatefulSet.
func (n Names) StatefulSet() string {
	return n.identity.Name(child.RoleControlPlane, contract.StatefulSetNameLimit)
}

// ConfigSecret is the name of the Secret with the configuration.
func (n Names) ConfigSecret() string { return n.identity.SecretName(child.RoleConfig) }

// ServiceHosts are the names of the Service inside of the management cluster.
func (n Names) ServiceHosts() []string {
	name, namespace := n.Service(), n.identity.Namespace
	return []string{name, name + "." + namespace, name + "." + namespace + ".svc"}
}
