// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
)

// Leaf says what a certificate we issue should look like.
type Leaf struct {
	// CommonName is who the certificate speaks for.
	CommonName string
	// Organization are groups, in the sense of Kubernetes.
	Organization []string
	// SANs are the host names and IP addresses it serves, in any order.
	SANs []string
	// Usages are what its bearer may do with it.
	Usages []x509.ExtKeyUsage
}

// EtcdServer is the certificate of etcd's client port. It carries the client
// usage too, because etcd's gateway dials its own port with it.
func EtcdServer(sans ...string) Leaf {
	return Leaf{CommonName: "etcd-server", SANs: sans, Usages: bothUsages()}
}

// EtcdPeer is the certificate between etcd members: each is server and client
// to the others.
func EtcdPeer(member string, sans ...string) Leaf {
	return Leaf{CommonName: member, Organization: []string{"etcd-peer"}, SANs: sans, Usages: bothUsages()}
}

// EtcdClient is the certificate with which kube-apiserver reaches etcd, named
// as k0s names its own.
func EtcdClient() Leaf {
	return Leaf{CommonName: "apiserver-etcd-client", Usages: clientUsage()}
}

// Admin is the certificate of the admin kubeconfig: a member of
// system:masters, which no RBAC rule can lock out.
func Admin() Leaf {
	return Leaf{CommonName: "kubernetes-admin", Organization: []string{"system:masters"}, Usages: clientUsage()}
}

func clientUsage() []x509.ExtKeyUsage { return []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }

func bothUsages() []x509.ExtKeyUsage {
	return []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
}

// splitSANs sorts the names into the two kinds that a certificate knows.
func splitSANs(sans []string) (names []string, addresses []net.IP) {
	for _, san := range sorted(sans) {
		if address, err := netip.ParseAddr(san); err == nil {
			addresses = append(addresses, address.AsSlice())
		} else {
			names = append(names, san)
		}
	}
	return names, addresses
}

// sansOf are the names of a certificate in the form in which a Leaf lists them.
func sansOf(certificate *x509.Certificate) []string {
	sans := slices.Clone(certificate.DNSNames)
	for _, address := range certificate.IPAddresses {
		sans = append(sans, address.String())
	}
	return sorted(sans)
}

// sorted is a set of names: ordered, each once, empty ones left out, IP
// addresses in the one form in which a certificate can hold them.
func sorted(sans []string) []string {
	set := make([]string, 0, len(sans))
	for _, san := range sans {
		if address, err := netip.ParseAddr(san); err == nil {
			san = address.Unmap().WithZone("").String()
		}
		if san != "" {
			set = append(set, san)
		}
	}
	slices.Sort(set)
	return slices.Compact(set)
}
