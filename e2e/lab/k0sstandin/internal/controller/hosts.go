// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// OwnAddress is the address by which others reach this host: the first one that is no loopback and belongs to no pod.
func OwnAddress() (string, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return "", fmt.Errorf("listing network interfaces: %w", err)
	}
	for _, nic := range interfaces {
		if belongsToPods(nic.Name) {
			continue
		}
		addresses, err := nic.Addrs()
		if err != nil {
			return "", fmt.Errorf("listing addresses of %s: %w", nic.Name, err)
		}
		for _, address := range addresses {
			if network, ok := address.(*net.IPNet); ok && !network.IP.IsLoopback() && network.IP.To4() != nil {
				return network.IP.String(), nil
			}
		}
	}
	return "127.0.0.1", nil
}

func belongsToPods(nic string) bool {
	return strings.HasPrefix(nic, "veth") || strings.HasPrefix(nic, "cali") ||
		slices.Contains([]string{"vxlan.calico", "kube-bridge", "dummyvip0"}, nic)
}

// hosts are all names and addresses that the API server's certificate covers.
func (c *Controller) hosts(ctx context.Context) ([]string, error) {
	spec := c.Config.Spec
	service, err := addressIn(spec.Network.ServiceCIDR, 1)
	if err != nil {
		return nil, err
	}
	hosts := []string{
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + spec.Network.ClusterDomain,
		"localhost", "127.0.0.1", spec.API.Address, service,
	}
	hosts = append(hosts, spec.API.SANs...)
	if external := spec.API.ExternalHost(); external != "" {
		hosts = append(hosts, external)
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("listing addresses: %w", err)
	}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok {
			hosts = append(hosts, network.IP.String())
		}
	}
	if name, err := os.Hostname(); err == nil {
		if resolved, err := net.DefaultResolver.LookupHost(ctx, name); err == nil {
			hosts = append(hosts, resolved...)
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts), nil
}

// addressIn is the n-th address of a network.
func addressIn(cidr string, n int) (string, error) {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil {
		return "", fmt.Errorf("reading %q: %w", cidr, err)
	}
	address := prefix.Masked().Addr()
	for range n {
		address = address.Next()
	}
	return address.String(), nil
}
