// SPDX-License-Identifier: Apache-2.0

// Package loadbalancer gives Services of type LoadBalancer an address of the lab's pool, as a cloud would.
// The addresses are on the management namespace's device already; kube-proxy does the rest.
package loadbalancer

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Allocate picks the address for service: the one it asks for in spec.loadBalancerIP, else the lowest that no other
// Service has.
func Allocate(pool []netip.Addr, services []corev1.Service, service *corev1.Service) (netip.Addr, error) {
	used := map[netip.Addr]string{}
	for i := range services {
		if services[i].UID == service.UID {
			continue
		}
		for _, address := range Assigned(&services[i]) {
			used[address] = services[i].Namespace + "/" + services[i].Name
		}
	}
	if wanted := service.Spec.LoadBalancerIP; wanted != "" {
		return requested(pool, used, wanted)
	}
	for _, address := range pool {
		if used[address] == "" {
			return address, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("all %d addresses of the pool are in use", len(pool))
}

func requested(pool []netip.Addr, used map[netip.Addr]string, wanted string) (netip.Addr, error) {
	address, err := netip.ParseAddr(wanted)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("reading spec.loadBalancerIP: %w", err)
	}
	if !slices.Contains(pool, address) {
		return netip.Addr{}, fmt.Errorf(
			"spec.loadBalancerIP %s is not in the pool %s-%s",
			address,
			pool[0],
			pool[len(pool)-1],
		)
	}
	if owner := used[address]; owner != "" {
		return netip.Addr{}, fmt.Errorf("spec.loadBalancerIP %s is in use by Service %s", address, owner)
	}
	return address, nil
}

// Assigned lists the addresses that are written in the status of a Service.
func Assigned(service *corev1.Service) []netip.Addr {
	var addresses []netip.Addr
	for _, ingress := range service.Status.LoadBalancer.Ingress {
		if address, err := netip.ParseAddr(ingress.IP); err == nil {
			addresses = append(addresses, address)
		}
	}
	return addresses
}

// wanted says whether the lab is the one to give this Service an address.
func wanted(service *corev1.Service) bool {
	return service.Spec.Type == corev1.ServiceTypeLoadBalancer && service.Spec.LoadBalancerClass == nil &&
		service.DeletionTimestamp == nil
}
