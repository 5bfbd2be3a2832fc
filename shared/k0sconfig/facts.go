// SPDX-License-Identifier: Apache-2.0

package k0sconfig

import "github.com/k0smotron/k0smotron/shared/k0sversion"

// Default ports of k0s.
const (
	// DefaultAPIPort is where kube-apiserver listens.
	DefaultAPIPort = 6443
	// DefaultKonnectivityPort is where the konnectivity server waits for agents.
	DefaultKonnectivityPort = 8132
)

// Facts are what a provider knows about the cluster. They are ours: a user's
// value that contradicts one is an error. A fact left at its zero value is
// unknown, and then the user's value stands.
type Facts struct {
	// Version is the k0s release that will read the configuration.
	Version k0sversion.Version
	// API is where clients and workers reach kube-apiserver.
	API Endpoint
	// Konnectivity is where the agents on workers reach the konnectivity server.
	// Without a host it is that of the API.
	Konnectivity Endpoint
	// SANs are names and addresses that the API's certificate must carry besides
	// those the user lists and those k0s adds itself.
	SANs []string
	// PodCIDRs and ServiceCIDRs are the blocks of Cluster.spec.clusterNetwork:
	// none, one IPv4 block, or an IPv4 and an IPv6 block.
	PodCIDRs, ServiceCIDRs []string
	// ServiceDomain is Cluster.spec.clusterNetwork.serviceDomain.
	ServiceDomain string
	// Storage is where the cluster's state lives.
	Storage Storage
	// APIServerExtraArgs are flags of kube-apiserver, without dashes.
	APIServerExtraArgs map[string]string
}

// Endpoint is an address under which something is reached from outside, and the
// port on which k0s listens behind it.
type Endpoint struct {
	// ExternalHost is a host name or an IP address, without a port.
	ExternalHost string
	// ExternalPort is the port at that host; 0 means Port.
	ExternalPort int
	// Port is where k0s should listen; 0 means the user's choice or the default.
	// Where the k0s version cannot tell the two ports apart, ExternalPort wins:
	// see [Config.Ports].
	Port int
}

// Storage is where the cluster's state lives. At most one is set; none means
// that k0s runs etcd itself, or whatever the user configured.
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
	// CAFile, ClientCertFile and ClientKeyFile are paths on the controller.
	CAFile, ClientCertFile, ClientKeyFile string
}

// Kine says which database kine uses.
type Kine struct {
	// DataSource is kine's URL of the database. It holds credentials: errors of
	// this package never repeat it.
	DataSource string
}

// Ports are the ports on which k0s listens.
type Ports struct {
	// API is kube-apiserver's.
	API int
	// Konnectivity is the one for agents.
	Konnectivity int
}
