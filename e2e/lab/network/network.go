// SPDX-License-Identifier: Apache-2.0

// Package network builds the one Ethernet segment that the host, the management cluster and the machines share.
// Every operation may be repeated; Remove takes everything away again.
package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// comment marks the lab's firewall rules.
const comment = "k0smotron-lab"

// Segment is one network namespace on the bridge.
type Segment struct {
	// Netns is the name of the namespace; its device is called eth0.
	Netns string
	// Veth is the host's end of the pair, at most 15 characters.
	Veth string
	// Address is the namespace's own.
	Address string
}

// Mgmt is the segment of the management cluster.
func Mgmt() Segment {
	return Segment{Netns: layout.MgmtNetns, Veth: layout.MgmtVeth, Address: layout.MgmtIP}
}

// EnsureBridge makes the bridge and lets traffic between its ports through the host's firewall.
func EnsureBridge(ctx context.Context) error {
	if !linkExists(layout.Bridge) {
		if err := command.Run(ctx, "ip", "link", "add", layout.Bridge, "type", "bridge"); err != nil {
			return err
		}
	}
	address := fmt.Sprintf("%s/%d", layout.HostIP, layout.PrefixLen)
	if err := batch(ctx, "",
		"address replace "+address+" dev "+layout.Bridge,
		"link set "+layout.Bridge+" up",
	); err != nil {
		return err
	}
	for _, rule := range firewallRules() {
		if err := command.Run(ctx, "iptables", filter("-C", rule)...); err == nil {
			continue
		}
		if err := command.Run(ctx, "iptables", filter("-I", rule)...); err != nil {
			return err
		}
	}
	return nil
}

// firewallRules are of the filter table: bridged packets pass FORWARD when bridge-nf-call-iptables is on, and a host
// with a container engine drops them there.
func firewallRules() [][]string {
	mark := []string{"-m", "comment", "--comment", comment, "-j", "ACCEPT"}
	return [][]string{
		append([]string{"FORWARD", "-i", layout.Bridge, "-o", layout.Bridge}, mark...),
		append([]string{"INPUT", "-i", layout.Bridge}, mark...),
	}
}

func filter(verb string, rule []string) []string {
	return append([]string{"-w", verb}, rule...)
}

// Ensure makes a namespace that reaches the bridge and, through the host, whatever the host forwards.
func Ensure(ctx context.Context, s Segment) error {
	if _, err := os.Stat("/run/netns/" + s.Netns); errors.Is(err, os.ErrNotExist) {
		if err := command.Run(ctx, "ip", "netns", "add", s.Netns); err != nil {
			return err
		}
	}
	if !linkExists(s.Veth) {
		if err := command.Run(ctx, "ip", "link", "add", s.Veth, "type", "veth", "peer", "name", "eth0", "netns", s.Netns); err != nil {
			return err
		}
	}
	if err := batch(ctx, "", "link set "+s.Veth+" master "+layout.Bridge+" up"); err != nil {
		return err
	}
	return batch(ctx, s.Netns,
		"link set lo up",
		fmt.Sprintf("address replace %s/%d dev eth0", s.Address, layout.PrefixLen),
		"link set eth0 up",
		"route replace default via "+layout.HostIP,
	)
}

// EnsureRouting lets the management namespace forward between pods and the segment, and gives it all addresses that
// load balancers may get. Until kube-proxy has a rule for one of them, connections to it are refused.
func EnsureRouting(ctx context.Context) error {
	var commands []string
	for _, address := range LoadBalancerAddresses() {
		commands = append(commands, fmt.Sprintf("address replace %s/32 dev eth0", address))
	}
	if err := batch(ctx, layout.MgmtNetns, commands...); err != nil {
		return err
	}
	// Bridged pod traffic must pass iptables, else the answer of a pod to a pod behind a Service is not translated back.
	_ = command.Run(ctx, "modprobe", "br_netfilter")
	sysctl := command.InNetns(layout.MgmtNetns, "sysctl", "-q", "-w",
		"net.ipv4.ip_forward=1", "net.bridge.bridge-nf-call-iptables=1", "net.ipv4.conf.all.rp_filter=0")
	return command.Run(ctx, sysctl[0], sysctl[1:]...)
}

// LoadBalancerAddresses lists the pool of addresses for Services of type LoadBalancer.
func LoadBalancerAddresses() []netip.Addr {
	var pool []netip.Addr
	last := netip.MustParseAddr(layout.LoadBalancerLast)
	for a := netip.MustParseAddr(layout.LoadBalancerFirst); a.Compare(last) <= 0; a = a.Next() {
		pool = append(pool, a)
	}
	return pool
}

// Remove takes a segment away.
func Remove(ctx context.Context, s Segment) error {
	if linkExists(s.Veth) {
		if err := command.Run(ctx, "ip", "link", "delete", s.Veth); err != nil {
			return err
		}
	}
	if _, err := os.Stat("/run/netns/" + s.Netns); err == nil {
		if err := command.Run(ctx, "ip", "netns", "delete", s.Netns); err != nil {
			return err
		}
	}
	return nil
}

// RemoveBridge takes the bridge and its firewall rules away.
func RemoveBridge(ctx context.Context) error {
	for _, rule := range firewallRules() {
		for {
			if err := command.Run(ctx, "iptables", filter("-D", rule)...); err != nil {
				break // no such rule is left
			}
		}
	}
	if !linkExists(layout.Bridge) {
		return nil
	}
	return command.Run(ctx, "ip", "link", "delete", layout.Bridge)
}

func linkExists(name string) bool {
	_, err := os.Stat("/sys/class/net/" + name)
	return err == nil
}

// batch runs many commands of ip(8) in one process, in a namespace or, if netns is empty, the host's.
func batch(ctx context.Context, netns string, commands ...string) error {
	args := []string{"ip", "-batch", "-"}
	if netns != "" {
		args = command.InNetns(netns, args...)
	}
	return command.Feed(ctx, strings.NewReader(strings.Join(commands, "\n")+"\n"), args[0], args[1:]...)
}
