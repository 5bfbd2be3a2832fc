// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"net"
	"slices"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
)

// approveOne approves one request for a kubelet's serving certificate: k0s takes one each time it looks.
func (c *Controller) approveOne(ctx context.Context) error {
	requests := c.client.CertificatesV1().CertificateSigningRequests()
	list, err := requests.List(
		ctx,
		metav1.ListOptions{FieldSelector: "spec.signerName=" + certificatesv1.KubeletServingSignerName},
	)
	if err != nil {
		return fmt.Errorf("listing signing requests: %w", err)
	}
	pending := slices.IndexFunc(list.Items, func(r certificatesv1.CertificateSigningRequest) bool {
		return len(r.Status.Conditions) == 0 && slices.Contains(r.Spec.Groups, "system:nodes")
	})
	if pending < 0 {
		return nil
	}
	request := list.Items[pending]
	request.Status.Conditions = append(request.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "AutoApproved",
		Message: "approved by the k0s stand-in",
	})
	if _, err := requests.UpdateApproval(ctx, request.Name, &request, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("approving %s: %w", request.Name, err)
	}
	return nil
}

// writeEndpoints lets the kubernetes Service point to the external address, which is what pods can reach.
func (c *Controller) writeEndpoints(ctx context.Context) error {
	api := c.Config.Spec.API
	addresses, err := net.DefaultResolver.LookupIP(ctx, "ip4", api.ExternalHost())
	if err != nil {
		return fmt.Errorf("resolving external address: %w", err)
	}
	subset := applycorev1.EndpointSubset().WithPorts(applycorev1.EndpointPort().
		WithName("https").WithProtocol(corev1.ProtocolTCP).WithPort(int32(api.ExternalPort())))
	for _, address := range addresses {
		subset.WithAddresses(applycorev1.EndpointAddress().WithIP(address.String()))
	}
	endpoints := applycorev1.Endpoints("kubernetes", metav1.NamespaceDefault).WithSubsets(subset)
	if _, err := c.client.CoreV1().Endpoints(metav1.NamespaceDefault).Apply(ctx, endpoints, forced); err != nil {
		return fmt.Errorf("writing endpoints: %w", err)
	}
	return nil
}

var forced = metav1.ApplyOptions{FieldManager: "k0s", Force: true}
