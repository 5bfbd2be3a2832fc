// SPDX-License-Identifier: Apache-2.0

package k0sconfig

import (
	"cmp"
	"net"
	"strconv"

	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

const (
	// DefaultAPIPort is where kube-apiserver listens unless told otherwise.
	DefaultAPIPort = 6443
	// DefaultKonnectivityPort is where the konnectivity server waits for agents
	// unless told otherwise.
	DefaultKonnectivityPort = 8132
	// DefaultJoinPort is where k0s's own API waits for controllers that join
	// unless told otherwise.
	DefaultJoinPort = 9443
)

// Ports are those on which k0s listens.
type Ports struct {
	// API is kube-apiserver's.
	API int
	// Konnectivity is the one for agents.
	Konnectivity int
}

// ListenPorts are the ports on which k0s will listen if the user chooses none:
// what a Service has to target, known before the whole configuration is. Only
// Version, API and Konnectivity of the facts are used.
func ListenPorts(facts Facts) Ports { return listenPorts(facts, Ports{}) }

// listenPorts also heeds what the user chose; 0 is no choice.
func listenPorts(facts Facts, chosen Ports) Ports {
	return Ports{
		API: facts.listenPort(facts.API, k0sversion.HostPortExternalAddress,
			cmp.Or(facts.API.Port, chosen.API, DefaultAPIPort)),
		Konnectivity: facts.listenPort(facts.Konnectivity, k0sversion.KonnectivityExternalAddress,
			cmp.Or(facts.Konnectivity.Port, chosen.Konnectivity, DefaultKonnectivityPort)),
	}
}

// listenPort is the wished port where k0s can be told that another one is seen
// from outside, which takes a feature; else the one outside.
func (f Facts) listenPort(endpoint Endpoint, telling k0sversion.Feature, wished int) int {
	if endpoint.ExternalPort == 0 || f.Version.Supports(telling) {
		return wished
	}
	return endpoint.ExternalPort
}

// externalAddress is spec.api.externalAddress: the bare host where the ports
// agree, which every version reads; host:port else. Empty when it is unknown.
func externalAddress(facts Facts, ports Ports) string {
	if external := facts.API.ExternalPort; external != 0 && external != ports.API && facts.API.ExternalHost != "" {
		return hostPort(facts.API.ExternalHost, external)
	}
	return facts.API.ExternalHost
}

// konnectivityAddress is spec.konnectivity.externalAddress, where the version
// knows it. Others send agents to the API's host on the port the server
// listens on.
func konnectivityAddress(facts Facts, ports Ports) string {
	host := facts.konnectivityHost()
	if !facts.Konnectivity.known() || host == "" || !facts.Version.Supports(k0sversion.KonnectivityExternalAddress) {
		return ""
	}
	return hostPort(host, cmp.Or(facts.Konnectivity.ExternalPort, ports.Konnectivity))
}

func (f Facts) konnectivityHost() string {
	return cmp.Or(f.Konnectivity.ExternalHost, f.API.ExternalHost)
}

func hostPort(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
