// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"cmp"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/defaults"
)

// Names of ports, in the Service and in the pod. The Service refers to the pod's ports by name, because their numbers
// may only be known after the Service has got its node ports.
const (
	PortAPI          = "api"
	PortKonnectivity = "konnectivity"
)

// Service is the Service in front of the control plane pods.
func Service(identity child.Identity, settings controlplanev1.ServiceSpec) *corev1.Service {
	service := &corev1.Service{
		ObjectMeta: identity.Meta(child.RoleAPI, NamesOf(identity).Service()),
		Spec: corev1.ServiceSpec{
			Type:     corev1.ServiceType(cmp.Or(settings.Type, controlplanev1.ServiceTypeClusterIP)),
			Selector: identity.Selector(child.RoleControlPlane),
			Ports:    servicePorts(settings),
			// There is one pod, so nobody else could answer for it: the API server is reached from the moment it listens, and
			// not a second or two later, when the kubelet has asked again and word of it has gone round.
			PublishNotReadyAddresses: true,
		},
	}
	service.Annotations = maps.Clone(settings.Annotations)
	if settings.LoadBalancerClass != "" {
		service.Spec.LoadBalancerClass = new(settings.LoadBalancerClass)
	}
	return service
}

func servicePorts(settings controlplanev1.ServiceSpec) []corev1.ServicePort {
	ports := []corev1.ServicePort{
		servicePort(PortAPI, cmp.Or(settings.APIPort, defaults.APIPort)),
		servicePort(PortKonnectivity, cmp.Or(settings.KonnectivityPort, defaults.KonnectivityPort)),
	}
	if settings.Type == controlplanev1.ServiceTypeNodePort {
		ports[0].NodePort, ports[1].NodePort = settings.APIPort, settings.KonnectivityPort
	}
	return ports
}

func servicePort(name string, port int32) corev1.ServicePort {
	return corev1.ServicePort{Name: name, Port: port, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromString(name)}
}
