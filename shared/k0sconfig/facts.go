// SPDX-License-Identifier: Apache-2.0

package k0sconfig

import "github.com/k0smotron/k0smotron/shared/k0sversion"

// Facts are what a provider knows about the cluster. They are ours: a user's
// value that contradicts one is refused. A fact left at its zero value is
// unknown, and then the user's value stands.
type Facts struct {
	// Version is the k0s release that will read the configuration. Always needed.
	Version k0sversion.Version
	// API is where clients and workers reach kube-apiserver.
	API Endpoint
	// Konnectivity is where the agents on workers reach the konnectivity server.
	// Without a host of its own it is that of the API.
	Konnectivity Endpoint
	// SANs are names and addresses that the API's certificate must carry besides
	// those the user lists and those k0s adds itself.
	SANs []string
	// PodCIDRs and ServiceCIDRs are the blocks of Cluster.spec.clusterNetwork:
	// none, one IPv4 block, or one IPv4 and one IPv6 block.
	PodCIDRs, ServiceCIDRs []string
	// ServiceDomain is Cluster.spec.clusterNetwork.serviceDomain.
	ServiceDomain string
	// Storage is where the cluster's state lives.
	Storage Storage
	// EtcdMember is the name of this controller's etcd member, where k0s runs
	// etcd. It differs between controllers, so it belongs to a single one's
	// configuration and not to the cluster's.
	EtcdMember string
	// APIServerExtraArgs are flags of kube-apiserver, without dashes.
	APIServerExtraArgs map[string]string
}

// Endpoint is an address under which something is reached from outside, and the
// port on which k0s listens behind it.
type Endpoint struct {
	// ExternalHost is a host name or an IP address, without a port.
	ExternalHost string
	// ExternalPort is the port at that host; 0 means the port k0s listens on.
	ExternalPort int
	// Port is where k0s should listen; 0 leaves it to the user, then to the
	// default. Where the k0s version cannot tell it from the external port, the
	// external port wins: see [Config.Ports].
	Port int
}

// known tells whether anything was said about the endpoint.
func (e Endpoint) known() bool { return e != Endpoint{} }

// Storage is where the cluster's state lives. At most one is set. None means
// that k0s runs etcd itself, or what the user configured.
type Storage struct {
	// ExternalEtcd is an etcd that k0s uses and does not run.
	ExternalEtcd *ExternalEtcd
	// Kine is a database behind kine.
	Kine *Kine
}

// ExternalEtcd says how kube-apiserver reaches an etcd.
type ExternalEtcd struct {
	// Endpoints are client URLs, https://host:2379.
	Endpoints []string
	// Prefix is the key prefix, unique per cluster.
	Prefix string
	// CAFile, ClientCertFile and ClientKeyFile are paths on the controller: all
	// three, or none for plain HTTP.
	CAFile, ClientCertFile, ClientKeyFile string
}

// Kine says which database kine uses.
type Kine struct {
	// DataSource is kine's URL of the database. It holds credentials, so what is
	// rendered from it belongs in a Secret, and errors never repeat it.
	DataSource string
}
