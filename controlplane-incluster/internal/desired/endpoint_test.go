// SPDX-License-Identifier: Apache-2.0

package desired_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// service is a Service as the management cluster has allocated it.
func service(settings controlplanev1.ServiceSpec, nodePorts ...int32) *corev1.Service {
	s := desired.Service(child.Identity{Namespace: namespace, Cluster: "tiger"}, settings)
	s.Spec.ClusterIP = "10.96.0.7"
	for i, port := range nodePorts {
		s.Spec.Ports[i].NodePort = port
	}
	return s
}

func balanced(ingress ...corev1.LoadBalancerIngress) *corev1.Service {
	s := service(controlplanev1.ServiceSpec{Type: "LoadBalancer", APIPort: 443})
	s.Status.LoadBalancer.Ingress = ingress
	return s
}

func node(name, ip string, age time.Duration, ready corev1.ConditionStatus) corev1.Node {
	return corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(testenv.Now.Add(-age))},
		Status: corev1.NodeStatus{
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeHostName, Address: name},
				{Type: corev1.NodeInternalIP, Address: ip},
			},
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready}},
		},
	}
}

func TestDecideEndpoint(t *testing.T) {
	t.Parallel()
	nodePort := service(controlplanev1.ServiceSpec{Type: "NodePort"}, 31234, 31567)
	nodes := []corev1.Node{
		node("young", "10.0.0.3", time.Hour, corev1.ConditionTrue),
		node("broken", "10.0.0.1", 3*time.Hour, corev1.ConditionFalse),
		node("old", "10.0.0.2", 2*time.Hour, corev1.ConditionTrue),
	}
	cases := map[string]struct {
		facts   desired.EndpointFacts
		want    desired.Endpoint
		awaited string
		warning string
		note    string
	}{
		"LoadBalancerIP": {
			facts: desired.EndpointFacts{Service: balanced(corev1.LoadBalancerIngress{IP: "1.2.3.4"})},
			want:  desired.Endpoint{Host: "1.2.3.4", Port: 443, KonnectivityPort: 8132},
		},
		"LoadBalancerHostname": {
			facts: desired.EndpointFacts{Service: balanced(
				corev1.LoadBalancerIngress{}, corev1.LoadBalancerIngress{Hostname: "lb.example.org", IP: "1.2.3.4"})},
			want: desired.Endpoint{Host: "lb.example.org", Port: 443, KonnectivityPort: 8132},
		},
		"LoadBalancerPending": {
			facts:   desired.EndpointFacts{Service: balanced()},
			awaited: "give Service tiger-api of type LoadBalancer an address",
		},
		"NodePortNotAllocated": {
			facts:   desired.EndpointFacts{Service: service(controlplanev1.ServiceSpec{Type: "NodePort"}), Nodes: nodes},
			awaited: "allocate node ports",
		},
		"OldestReadyNode": {
			facts: desired.EndpointFacts{Service: nodePort, Nodes: nodes},
			want:  desired.Endpoint{Host: "10.0.0.2", Port: 31234, KonnectivityPort: 31567},
		},
		"NodeIsKept": {
			facts: desired.EndpointFacts{Service: nodePort, Nodes: nodes, Previous: "10.0.0.3"},
			want:  desired.Endpoint{Host: "10.0.0.3", Port: 31234, KonnectivityPort: 31567},
		},
		"NodeIsNotKeptWhenItIsNotReady": {
			facts: desired.EndpointFacts{Service: nodePort, Nodes: nodes, Previous: "10.0.0.1"},
			want:  desired.Endpoint{Host: "10.0.0.2", Port: 31234, KonnectivityPort: 31567},
		},
		"NoNode": {
			facts: desired.EndpointFacts{Service: nodePort, Nodes: nodes[1:2]}, awaited: "a Ready node",
		},
		"PublishedNodeIsMissed": {
			facts: desired.EndpointFacts{
				Service: nodePort, Nodes: nodes, FromNode: true, Fixed: clusterv1.APIEndpoint{Host: "10.0.0.1", Port: 31234},
			},
			want:    desired.Endpoint{Host: "10.0.0.1", Port: 31234, KonnectivityPort: 31567},
			warning: "10.0.0.1",
		},
		"UsersAddressIsNotMissed": {
			facts: desired.EndpointFacts{
				Service: nodePort, Nodes: nodes, Fixed: clusterv1.APIEndpoint{Host: "10.0.0.9", Port: 443},
			},
			want: desired.Endpoint{Host: "10.0.0.9", Port: 443, KonnectivityPort: 31567},
		},
		"ClusterIP": {
			facts: desired.EndpointFacts{Service: service(controlplanev1.ServiceSpec{KonnectivityPort: 9000})},
			want:  desired.Endpoint{Host: "10.96.0.7", Port: 6443, KonnectivityPort: 9000},
			note:  "network of the management cluster",
		},
		"ExternalHost": {
			facts: desired.EndpointFacts{Service: nodePort, ExternalAddress: "a.example.org"},
			want:  desired.Endpoint{Host: "a.example.org", Port: 31234, KonnectivityPort: 31567},
		},
		"ExternalHostAndPort": {
			facts: desired.EndpointFacts{Service: balanced(), ExternalAddress: "a.example.org:6444"},
			want:  desired.Endpoint{Host: "a.example.org", Port: 6444, KonnectivityPort: 8132},
		},
		"FixedWins": {
			facts: desired.EndpointFacts{
				Service: balanced(corev1.LoadBalancerIngress{IP: "1.2.3.4"}), ExternalAddress: "a.example.org",
				Fixed: clusterv1.APIEndpoint{Host: "a.example.org", Port: 6444},
			},
			want: desired.Endpoint{Host: "a.example.org", Port: 6444, KonnectivityPort: 8132},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			decision := desired.DecideEndpoint(tc.facts)
			assert.Contains(t, decision.Awaited, tc.awaited)
			assert.Contains(t, decision.Warning, tc.warning)
			assert.Contains(t, decision.Note, tc.note)
			if tc.awaited != "" {
				return
			}
			assert.Empty(t, decision.Awaited)
			assert.Empty(t, cmp.Diff(tc.want, decision.Endpoint))
			if tc.warning == "" {
				assert.Empty(t, decision.Warning)
			}
		})
	}
}

func TestSplitAddress(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		host string
		port int32
	}{
		"a.example.org":      {host: "a.example.org"},
		"a.example.org:443":  {host: "a.example.org", port: 443},
		"1.2.3.4":            {host: "1.2.3.4"},
		"2001:db8::1":        {host: "2001:db8::1"},
		"[2001:db8::1]":      {host: "2001:db8::1"},
		"[2001:db8::1]:6443": {host: "2001:db8::1", port: 6443},
	}
	for address, want := range cases {
		host, port := desired.SplitAddress(address)
		assert.Equal(t, want.host, host, address)
		assert.Equal(t, want.port, port, address)
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "https://a.example.org:443", desired.Endpoint{Host: "a.example.org", Port: 443}.URL())
	assert.Equal(t, "https://[2001:db8::1]:6443", desired.Endpoint{Host: "2001:db8::1", Port: 6443}.URL())
}
