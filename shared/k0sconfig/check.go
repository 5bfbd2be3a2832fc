// SPDX-License-Identifier: Apache-2.0

package k0sconfig

import (
	"maps"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

// check finds one kind of problem in a document of the right shape.
type check func(document map[string]any, facts Facts) []Problem

// checks are all of them. The order does not matter: problems are sorted.
func checks() []check {
	return []check{
		versionProblems,
		portProblems,
		endpointProblems,
		externalAddressProblems,
		konnectivityHostProblems,
		loadBalancingProblems,
		networkProblems,
		storageProblems,
		memberProblems,
		argumentProblems,
		serverFlagProblems,
		sanProblems,
		contradictionProblems,
	}
}

func contradictionProblems(document map[string]any, facts Facts) []Problem {
	return contradictions(document, ownedValues(facts, listenPorts(facts, chosenPorts(document))))
}

// portPlaces are where a user may write a port.
func portPlaces() []string {
	return []string{"spec.api.port", "spec.api.k0sApiPort", "spec.konnectivity.agentPort", "spec.konnectivity.adminPort"}
}

func portProblems(document map[string]any, _ Facts) []Problem {
	var problems []Problem
	for _, place := range portPlaces() {
		value, set := lookup(document, at(place))
		if port, isNumber := value.(int64); set && (!isNumber || port == 0 || !isPort(port)) {
			problems = append(problems, notAPort(place, value))
		}
	}
	return problems
}

// endpointProblems are hosts and ports in the facts that are none. Unknown is
// the empty host and port 0.
func endpointProblems(_ map[string]any, facts Facts) []Problem {
	return append(
		facts.API.problems(at("spec.api.externalAddress"), at("spec.api.port")),
		facts.Konnectivity.problems(at("spec.konnectivity.externalAddress"), at("spec.konnectivity.agentPort"))...)
}

func (e Endpoint) problems(hostPlace, portPlace path) []Problem {
	var problems []Problem
	if e.ExternalHost != "" && !isHost(e.ExternalHost) {
		problems = append(problems, Problem{
			Path: hostPlace.String(), Value: shown(e.ExternalHost), Message: "is not a host name or an IP address",
			Fix: "correct the endpoint of the control plane",
		})
	}
	for _, port := range []int{e.Port, e.ExternalPort} {
		if !isPort(int64(port)) {
			problems = append(problems, notAPort(portPlace.String(), port))
		}
	}
	return problems
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$`)

func isHost(text string) bool {
	address, err := netip.ParseAddr(text)
	return err == nil && address.Zone() == "" || hostName.MatchString(text)
}

func isPort(number int64) bool { return 0 <= number && number <= 65535 }

func notAPort(place string, value any) Problem {
	return Problem{
		Path: place, Value: shown(value), Message: "is not a port", Fix: "choose a number between 1 and 65535",
	}
}

// chosenPorts are those the user wrote; 0 where there is none.
func chosenPorts(document map[string]any) Ports {
	return Ports{
		API:          int(lookupAs[int64](document, at("spec.api.port"))),
		Konnectivity: int(lookupAs[int64](document, at("spec.konnectivity.agentPort"))),
	}
}

// externalAddressProblems refuse a port in the user's address where k0s would
// take it for a part of the host name.
func externalAddressProblems(document map[string]any, facts Facts) []Problem {
	place := at("spec.api.externalAddress")
	address := lookupAs[string](document, place)
	if !hasPort(address) || facts.Version.Supports(k0sversion.HostPortExternalAddress) {
		return nil
	}
	return []Problem{
		{
			Path:    place.String(),
			Value:   shown(address),
			Message: "has a port, which k0s " + facts.Version.String() + " cannot read",
			Fix: "write the host alone and the port in spec.api.port, or use k0s " + since(
				k0sversion.HostPortExternalAddress,
			),
		},
	}
}

func hasPort(address string) bool {
	_, port, err := net.SplitHostPort(address)
	return err == nil && port != ""
}

// konnectivityHostProblems concern versions that cannot tell agents another
// host than that of the API.
func konnectivityHostProblems(_ map[string]any, facts Facts) []Problem {
	host := facts.Konnectivity.ExternalHost
	if host == "" || host == facts.API.ExternalHost || facts.Version.Supports(k0sversion.KonnectivityExternalAddress) {
		return nil
	}
	return []Problem{{
		Path: "spec.konnectivity.externalAddress", Value: shown(host),
		Message: "differs from the host of the API, which k0s " + facts.Version.String() + " cannot tell the agents",
		Fix:     "use one host for both or k0s " + since(k0sversion.KonnectivityExternalAddress),
	}}
}

// loadBalancingProblems say what k0s would say at its start.
func loadBalancingProblems(document map[string]any, facts Facts) []Problem {
	place := at("spec.network.nodeLocalLoadBalancing.enabled")
	_, external := lookup(document, at("spec.api.externalAddress"))
	if !lookupAs[bool](document, place) || !external && facts.API.ExternalHost == "" {
		return nil
	}
	return []Problem{{
		Path: place.String(), Value: "true", Message: "cannot be used together with an external address of the API",
		Fix: "remove nodeLocalLoadBalancing: workers use the endpoint of the control plane",
	}}
}

// storageProblems refuse what would have no effect, or a contradicting one,
// beside the storage that is ours.
func storageProblems(document map[string]any, facts Facts) []Problem {
	storage := facts.Storage
	switch {
	case storage.ExternalEtcd != nil && storage.Kine != nil:
		return []Problem{{
			Path: "spec.storage", Message: "is given both as etcd and as kine", Fix: "choose one storage for the control plane",
		}}
	case storage.ExternalEtcd != nil:
		return append(tlsProblems(*storage.ExternalEtcd),
			unwanted(document, "the control plane keeps its state in an etcd that k0s does not run",
				"spec.storage.kine", "spec.storage.etcd.peerAddress", "spec.storage.etcd.extraArgs",
				"spec.storage.etcd.rawArgs", "spec.storage.etcd.ca")...)
	case storage.Kine != nil:
		return unwanted(document, "the control plane keeps its state in kine", "spec.storage.etcd")
	default:
		return nil
	}
}

func tlsProblems(etcd ExternalEtcd) []Problem {
	files := slices.DeleteFunc([]string{etcd.CAFile, etcd.ClientCertFile, etcd.ClientKeyFile},
		func(file string) bool { return file == "" })
	if len(etcd.Endpoints) > 0 && etcd.Prefix != "" && (len(files) == 0 || len(files) == 3) {
		return nil
	}
	return []Problem{{
		Path: "spec.storage.etcd.externalCluster", Message: "is incomplete",
		Fix: "give endpoints, a prefix, and either all of caFile, clientCertFile and clientKeyFile or none",
	}}
}

func unwanted(document map[string]any, why string, places ...string) []Problem {
	var problems []Problem
	for _, place := range places {
		if _, set := lookup(document, at(place)); set {
			problems = append(problems, Problem{Path: place, Message: "has no effect: " + why, Fix: "remove it"})
		}
	}
	return problems
}

// argumentSections are the sections with extraArgs.
func argumentSections() []string {
	return []string{
		"spec.api", "spec.controllerManager", "spec.scheduler", "spec.storage.etcd", "spec.storage.kine",
		"spec.network.kubeProxy", "spec.network.kuberouter",
	}
}

// argumentProblems name the frequent mistake of writing a flag's value as a
// number or a boolean. k0s wants strings and does not start otherwise.
func argumentProblems(document map[string]any, _ Facts) []Problem {
	var problems []Problem
	for _, section := range argumentSections() {
		place := at(section).child("extraArgs")
		arguments := lookupAs[map[string]any](document, place)
		for _, flag := range slices.Sorted(maps.Keys(arguments)) {
			if _, isText := arguments[flag].(string); !isText {
				problems = append(problems, Problem{
					Path: place.child(flag).String(), Value: shown(arguments[flag]), Message: "is not a string",
					Fix: "write the value in quotes",
				})
			}
		}
	}
	return problems
}

// serverFlagProblems refuse flags of kube-apiserver that would undo ours: the
// same flag in rawArgs, which comes last and wins, and --anonymous-auth beside
// an authentication configuration, with which kube-apiserver does not start.
func serverFlagProblems(document map[string]any, facts Facts) []Problem {
	taken := slices.Sorted(maps.Keys(facts.APIServerExtraArgs))
	var problems []Problem
	if slices.Contains(taken, "authentication-config") {
		taken = append(taken, "anonymous-auth")
		problems = unwanted(document, "kube-apiserver takes anonymous access from the authentication configuration",
			apiServerArgs().child("anonymous-auth").String())
	}
	for _, argument := range lookupAs[[]any](document, at("spec.api.rawArgs")) {
		text, _ := argument.(string)
		flag, _, _ := strings.Cut(strings.TrimLeft(text, "-"), "=")
		if slices.Contains(taken, flag) {
			problems = append(problems, Problem{
				Path: "spec.api.rawArgs", Value: shown(text), Message: "sets a flag that the control plane needs", Fix: "remove it",
			})
		}
	}
	return problems
}

func sanProblems(document map[string]any, _ Facts) []Problem {
	var problems []Problem
	for _, san := range lookupAs[[]any](document, at("spec.api.sans")) {
		if text, isText := san.(string); !isText || text == "" {
			problems = append(problems, Problem{
				Path: "spec.api.sans", Value: shown(san), Message: "is not a host name or an IP address",
				Fix: "write names and addresses as strings",
			})
		}
	}
	return problems
}
