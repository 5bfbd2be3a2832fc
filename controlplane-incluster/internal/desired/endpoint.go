// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
)

// EndpointFacts are what an endpoint is decided from.
type EndpointFacts struct {
	// Fixed is spec.controlPlaneEndpoint: what the user set, or what was published.
	Fixed clusterv1.APIEndpoint
	// ExternalAddress is the user's wish.
	ExternalAddress string
	// Service is the live Service.
	Service *corev1.Service
	// Nodes are the nodes of the management cluster; only needed for NodePort.
	Nodes []corev1.Node
	// Previous is the host of an earlier pass. Among several good ones it stays.
	Previous string
	// FromNode tells that what is fixed was taken from a node, and not set by the user.
	FromNode bool
}

// EndpointDecision is where a control plane is reached, or what is missing for that.
type EndpointDecision struct {
	// Endpoint is the answer. It has no host while something is awaited.
	Endpoint Endpoint
	// Awaited says what is missing, in words.
	Awaited string
	// Warning says what is wrong with the endpoint although it is known.
	Warning string
	// Note says what a user should know about it.
	Note string
	// FromNode tells that it is the address of a node.
	FromNode bool
}

// DecideEndpoint decides where a control plane is reached. What was fixed stays; then comes the user's wish; then what
// the Service gives.
func DecideEndpoint(facts EndpointFacts) EndpointDecision {
	api, konnectivity := publishedPort(facts.Service, PortAPI), publishedPort(facts.Service, PortKonnectivity)
	if api == 0 || konnectivity == 0 {
		return EndpointDecision{Awaited: "the management cluster to allocate node ports for Service " + facts.Service.Name}
	}
	decision := decideHost(facts)
	decision.Endpoint.Port = cmp.Or(decision.Endpoint.Port, api)
	decision.Endpoint.KonnectivityPort = konnectivity
	return decision
}

func decideHost(facts EndpointFacts) EndpointDecision {
	switch {
	case facts.Fixed.Host != "":
		endpoint := Endpoint{Host: facts.Fixed.Host, Port: facts.Fixed.Port}
		return EndpointDecision{Endpoint: endpoint, Warning: missingNode(facts), FromNode: facts.FromNode}
	case facts.ExternalAddress != "":
		host, port := SplitAddress(facts.ExternalAddress)
		return EndpointDecision{Endpoint: Endpoint{Host: host, Port: port}}
	}
	switch controlplanev1.ServiceType(facts.Service.Spec.Type) {
	case controlplanev1.ServiceTypeLoadBalancer:
		return decideLoadBalancer(facts.Service)
	case controlplanev1.ServiceTypeNodePort:
		return decideNode(facts)
	default:
		return EndpointDecision{
			Endpoint: Endpoint{Host: facts.Service.Spec.ClusterIP},
			Note: "The control plane is reached at the cluster IP of its Service: machines must be in the network of the " +
				"management cluster. Set service.type or externalAddress for others.",
		}
	}
}

// publishedPort is the port of a Service as clients outside of its cluster see it.
func publishedPort(service *corev1.Service, name string) int32 {
	for _, port := range service.Spec.Ports {
		if port.Name != name {
			continue
		}
		if service.Spec.Type == corev1.ServiceTypeNodePort {
			return port.NodePort
		}
		return port.Port
	}
	return 0
}

func decideLoadBalancer(service *corev1.Service) EndpointDecision {
	for _, ingress := range service.Status.LoadBalancer.Ingress {
		if host := cmp.Or(ingress.Hostname, ingress.IP); host != "" {
			return EndpointDecision{Endpoint: Endpoint{Host: host}}
		}
	}
	return EndpointDecision{
		Awaited: "the management cluster to give Service " + service.Name + " of type LoadBalancer an address; " +
			"it needs a load balancer controller for that",
	}
}

// decideNode takes the address of a Ready node, and keeps the one it took before.
func decideNode(facts EndpointFacts) EndpointDecision {
	hosts := readyHosts(facts.Nodes)
	if len(hosts) == 0 {
		return EndpointDecision{Awaited: "a Ready node of the management cluster with an InternalIP"}
	}
	host := hosts[0]
	if slices.Contains(hosts, facts.Previous) {
		host = facts.Previous
	}
	return EndpointDecision{Endpoint: Endpoint{Host: host}, FromNode: true}
}

func missingNode(facts EndpointFacts) string {
	if !facts.FromNode || slices.Contains(readyHosts(facts.Nodes), facts.Fixed.Host) {
		return ""
	}
	return "no Ready node of the management cluster has the address " + facts.Fixed.Host + " of the endpoint: machines " +
		"cannot reach the control plane until a node has it again; use a LoadBalancer or externalAddress for an address " +
		"that outlives a node"
}

// readyHosts are the internal addresses of Ready nodes, the oldest node first.
func readyHosts(nodes []corev1.Node) []string {
	sorted := slices.SortedFunc(slices.Values(nodes), func(a, b corev1.Node) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
	})
	var hosts []string
	for i := range sorted {
		if host := internalIP(&sorted[i]); host != "" && ready(&sorted[i]) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

func internalIP(node *corev1.Node) string {
	for _, address := range node.Status.Addresses {
		if address.Type == corev1.NodeInternalIP {
			return address.Address
		}
	}
	return ""
}

func ready(node *corev1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}
