// SPDX-License-Identifier: Apache-2.0

package k0sconfig

import (
	"net/netip"
	"strings"

	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

const (
	podsSource     = "Cluster.spec.clusterNetwork.pods.cidrBlocks"
	servicesSource = "Cluster.spec.clusterNetwork.services.cidrBlocks"
)

// blocks are the CIDR blocks of one network by family, as k0s takes them: the
// IPv4 block is the main one, the IPv6 block stands beside it in dualStack.
type blocks struct {
	v4, v6 string
	// v6First tells that the IPv6 block was listed first.
	v6First bool
}

func (b blocks) dual() bool { return b.v4 != "" && b.v6 != "" }

// blocksOf sorts CIDR blocks by family. It leaves out what [networkProblems]
// refuses.
func blocksOf(cidrs []string) blocks {
	var sorted blocks
	for i, cidr := range cidrs {
		prefix, err := netip.ParsePrefix(cidr)
		switch {
		case err != nil:
		case prefix.Addr().Is4():
			sorted.v4 = cidr
		default:
			sorted.v6, sorted.v6First = cidr, i == 0
		}
	}
	return sorted
}

func networkValues(facts Facts) []owned {
	pods, services := blocksOf(facts.PodCIDRs), blocksOf(facts.ServiceCIDRs)
	network, dualStack := at("spec.network"), at("spec.network.dualStack")
	values := []owned{
		{place: network.child("podCIDR"), value: pods.v4, source: podsSource},
		{place: network.child("serviceCIDR"), value: services.v4, source: servicesSource},
		{place: dualStack.child("IPv6podCIDR"), value: pods.v6, source: podsSource},
		{place: dualStack.child("IPv6serviceCIDR"), value: services.v6, source: servicesSource},
		{
			place:  network.child("clusterDomain"),
			value:  facts.ServiceDomain,
			source: "Cluster.spec.clusterNetwork.serviceDomain",
		},
		{place: network.child("primaryAddressFamily"), value: primaryFamily(facts, services), source: servicesSource},
	}
	set := values[:0]
	for _, value := range values {
		if value.value != "" {
			set = append(set, value)
		}
	}
	if pods.dual() && services.dual() {
		set = append(set, owned{place: dualStack.child("enabled"), value: true, source: podsSource})
	}
	return set
}

// primaryFamily is the family of the block listed first, where there are two
// and k0s can be told.
func primaryFamily(facts Facts, services blocks) string {
	switch {
	case !services.dual() || !facts.Version.Supports(k0sversion.PrimaryAddressFamily):
		return ""
	case services.v6First:
		return "IPv6"
	default:
		return "IPv4"
	}
}

// networkProblems are what k0s cannot do with the networks of the Cluster.
func networkProblems(document map[string]any, facts Facts) []Problem {
	problems := append(blockProblems(podsSource, facts.PodCIDRs), blockProblems(servicesSource, facts.ServiceCIDRs)...)
	if len(problems) > 0 {
		return problems
	}
	pods, services := blocksOf(facts.PodCIDRs), blocksOf(facts.ServiceCIDRs)
	switch {
	case pods.dual() != services.dual():
		problems = append(problems, Problem{
			Path: podsSource, Message: "and " + servicesSource + " do not have the same address families",
			Fix: "list an IPv4 and an IPv6 block in both, or one IPv4 block in each",
		})
	case services.dual() && services.v6First && !facts.Version.Supports(k0sversion.PrimaryAddressFamily):
		problems = append(problems, Problem{
			Path: servicesSource, Value: shown(services.v6),
			Message: "is listed first, but k0s " + facts.Version.String() + " cannot make IPv6 the primary family",
			Fix:     "list the IPv4 block first or use k0s " + since(k0sversion.PrimaryAddressFamily),
		})
	}
	return append(problems, dualStackProblems(document, facts)...)
}

// dualStackProblems refuse a second family that the Cluster does not know of.
func dualStackProblems(document map[string]any, facts Facts) []Problem {
	place := at("spec.network.dualStack.enabled")
	stated := len(facts.PodCIDRs)+len(facts.ServiceCIDRs) > 0
	if !lookupAs[bool](document, place) || !stated || blocksOf(facts.PodCIDRs).dual() {
		return nil
	}
	return []Problem{{
		Path: place.String(), Value: "true", Message: "contradicts the single blocks in Cluster.spec.clusterNetwork",
		Fix: "list the IPv6 blocks there and remove dualStack from the k0s configuration",
	}}
}

func blockProblems(source string, cidrs []string) []Problem {
	for _, cidr := range cidrs {
		if _, err := netip.ParsePrefix(cidr); err != nil {
			return []Problem{{
				Path: source, Value: shown(cidr), Message: "is not a CIDR block",
				Fix: "write it as 10.244.0.0/16",
			}}
		}
	}
	sorted := blocksOf(cidrs)
	if len(cidrs) == 0 || len(cidrs) == 1 && sorted.v4 != "" || len(cidrs) == 2 && sorted.dual() {
		return nil
	}
	return []Problem{{
		Path: source, Value: shown(strings.Join(cidrs, ",")), Message: "is not a combination that k0s can use",
		Fix: "list one IPv4 block, or one IPv4 and one IPv6 block",
	}}
}
