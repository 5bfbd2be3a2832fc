// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"errors"
	"fmt"
	"net/netip"
)

// ErrPoolExhausted means that as many machines exist as there are addresses.
var ErrPoolExhausted = errors.New("all machine addresses are taken")

// Pool is a range of addresses in one /24, and a /16 that gives each of them a subnet for its pods.
// An address decides its subnet, so machines know the way to all pods before any other machine exists.
type Pool struct {
	First, Last netip.Addr
	Pods        netip.Prefix
}

// Free returns the lowest address that is not taken.
func (p Pool) Free(taken []netip.Addr) (netip.Addr, error) {
	used := make(map[netip.Addr]bool, len(taken))
	for _, address := range taken {
		used[address] = true
	}
	for _, address := range p.addresses() {
		if !used[address] {
			return address, nil
		}
	}
	return netip.Addr{}, ErrPoolExhausted
}

// PodSubnet is where the pods of the machine with this address live.
func (p Pool) PodSubnet(machine netip.Addr) netip.Prefix {
	pods := p.Pods.Addr().As4()
	pods[2] = lastNumber(machine)
	return netip.PrefixFrom(netip.AddrFrom4(pods), 24)
}

// routes are commands of ip(8) that lead to the pods of all machines but the given one.
func (p Pool) routes(from netip.Addr) []string {
	var routes []string
	for _, address := range p.addresses() {
		if address != from {
			routes = append(routes, fmt.Sprintf("route replace %s via %s", p.PodSubnet(address), address))
		}
	}
	return routes
}

func (p Pool) addresses() []netip.Addr {
	var all []netip.Addr
	for address := p.First; address.Compare(p.Last) <= 0; address = address.Next() {
		all = append(all, address)
	}
	return all
}

func lastNumber(address netip.Addr) byte {
	return address.As4()[3]
}
