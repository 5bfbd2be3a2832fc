// SPDX-License-Identifier: Apache-2.0

// Package etcd builds the etcd that keeps the data of a control plane: a StatefulSet of etcd itself, without a shell
// around it, on a PersistentVolumeClaim, with TLS between everybody.
//
// It is independent of the k0s version: its inputs name no k0s image, so changing that never restarts etcd.
package etcd

import (
	"fmt"
	"net"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// Ports of etcd.
const (
	clientPort  = 2379
	peerPort    = 2380
	metricsPort = 2381
)

// Cluster is the etcd of one control plane.
type Cluster struct {
	// Identity says whose etcd it is.
	Identity child.Identity
	// Settings are the user's.
	Settings controlplanev1.EtcdSpec
	// DefaultImage is used when the settings name no image.
	DefaultImage string
	// Certificates is the fingerprint of the certificates in the server Secret: pods restart when it changes.
	Certificates string
}

// inputs is what a StatefulSet of etcd is rendered from. The default image is none of it: an etcd that runs keeps the
// release it was created with until its settings change.
type inputs struct {
	Settings     controlplanev1.EtcdSpec `json:"settings,omitzero"`
	Certificates string                  `json:"certificates"`
}

// Objects are the objects of an etcd.
type Objects struct {
	// Service is the headless Service that gives the members their names.
	Service *corev1.Service
	// StatefulSet runs the members.
	StatefulSet *appsv1.StatefulSet
	// Rendering tells what StatefulSet was rendered from.
	Rendering child.Rendering
	// PodDisruptionBudget lets one member at a time go, so that a node can be drained.
	PodDisruptionBudget *policyv1.PodDisruptionBudget
}

// Build builds the objects.
func (c Cluster) Build() (Objects, error) {
	statefulSet := c.statefulSet()
	rendering, err := child.NewRendering(inputs{Settings: c.Settings, Certificates: c.Certificates}, statefulSet.Spec)
	if err != nil {
		return Objects{}, fmt.Errorf("rendering etcd: %w", err)
	}
	return Objects{
		Service:             c.service(),
		StatefulSet:         statefulSet,
		Rendering:           rendering,
		PodDisruptionBudget: c.podDisruptionBudget(),
	}, nil
}

// Names are the names of an etcd.
type Names struct{ identity child.Identity }

// NamesOf returns the names of the etcd of a control plane.
func NamesOf(identity child.Identity) Names { return Names{identity: identity} }

// StatefulSet is the name of the StatefulSet.
func (n Names) StatefulSet() string {
	return n.identity.Name(child.RoleEtcd, contract.StatefulSetNameLimit)
}

// Service is the name of the headless Service.
func (n Names) Service() string { return n.identity.Name(child.RoleEtcd, contract.NameLimit) }

// Member is the name of the only member: that of its pod.
func (n Names) Member() string { return n.StatefulSet() + "-0" }

// Host is the DNS name under which clients reach the members.
func (n Names) Host() string { return n.Service() + "." + n.identity.Namespace + ".svc" }

// MemberHost is the stable DNS name of the only member.
func (n Names) MemberHost() string { return n.Member() + "." + n.Host() }

// Endpoint is the URL for clients.
func (n Names) Endpoint() string { return url(n.Host(), clientPort) }

// ServerSecret is the name of the Secret with the members' certificates.
func (n Names) ServerSecret() string { return n.identity.SecretName(child.RoleEtcdServer) }

// ClientSecret is the name of the Secret with kube-apiserver's client certificate.
func (n Names) ClientSecret() string { return n.identity.SecretName(child.RoleEtcdClient) }

// ServerNames are the names and addresses in the server certificate.
func (n Names) ServerNames() []string {
	return []string{
		n.Host(),
		n.Service(),
		n.Service() + "." + n.identity.Namespace,
		n.MemberHost(),
		"localhost",
		"127.0.0.1",
	}
}

// PeerNames are the names in the peer certificate.
func (n Names) PeerNames() []string { return []string{n.MemberHost()} }

func url(host string, port int) string {
	return "https://" + net.JoinHostPort(host, strconv.Itoa(port))
}

func (c Cluster) service() *corev1.Service {
	names := NamesOf(c.Identity)
	return &corev1.Service{
		ObjectMeta: c.Identity.Meta(child.RoleEtcd, names.Service()),
		Spec: corev1.ServiceSpec{
			ClusterIP: corev1.ClusterIPNone,
			Selector:  c.Identity.Selector(child.RoleEtcd),
			// Members need each other's names before they can become ready.
			PublishNotReadyAddresses: true,
			Ports: []corev1.ServicePort{
				{Name: "client", Port: clientPort, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromString("client")},
				{Name: "peer", Port: peerPort, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromString("peer")},
			},
		},
	}
}

func (c Cluster) podDisruptionBudget() *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{
		ObjectMeta: c.Identity.Meta(child.RoleEtcd, NamesOf(c.Identity).StatefulSet()),
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: new(intstr.FromInt32(1)),
			Selector:       &metav1.LabelSelector{MatchLabels: c.Identity.Selector(child.RoleEtcd)},
		},
	}
}
