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
	"path/filepath"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// netnsDir is where ip(8) keeps namespaces.
const netnsDir = "/run/netns"

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

// Balancers is the segment of load balancers in front of machines.
func Balancers() Segment {
	return Segment{Netns: layout.BalancerNetns, Veth: layout.BalancerVeth, Address: layout.BalancerIP}
}

// EnsureBridge makes the bridge, lets its traffic through the host's firewall and translates what goes further.
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
	return ensureFirewall(ctx)
}

// Ensure makes a namespace that reaches the bridge and, through the host, whatever the host forwards.
func Ensure(ctx context.Context, s Segment) error {
	if _, err := os.Stat(filepath.Join(netnsDir, s.Netns)); errors.Is(err, os.ErrNotExist) {
		if err := command.Run(ctx, "ip", "netns", "add", s.Netns); err != nil {
			return err
		}
	}
	if !linkExists(s.Veth) {
		if err := command.Run(
			ctx,
			"ip",
			"link",
			"add",
			s.Veth,
			"type",
			"veth",
			"peer",
			"name",
			"eth0",
			"netns",
			s.Netns,
		); err != nil {
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
	if err := addAddresses(ctx, layout.MgmtNetns, LoadBalancerAddresses()); err != nil {
		return err
	}
	// Bridged pod traffic must pass iptables, else the answer of a pod to a pod behind a Service is not translated back.
	_ = command.Run(ctx, "modprobe", "br_netfilter")
	sysctl := command.InNetns(layout.MgmtNetns, "sysctl", "-q", "-w",
		"net.ipv4.ip_forward=1", "net.bridge.bridge-nf-call-iptables=1", "net.ipv4.conf.all.rp_filter=0")
	return command.Run(ctx, sysctl[0], sysctl[1:]...)
}

// EnsureBalancers makes the segment of load balancers, with all addresses that they may get.
func EnsureBalancers(ctx context.Context) error {
	if err := Ensure(ctx, Balancers()); err != nil {
		return err
	}
	return addAddresses(ctx, layout.BalancerNetns, BalancerAddresses())
}

func addAddresses(ctx context.Context, netns string, addresses []netip.Addr) error {
	commands := make([]string, 0, len(addresses))
	for _, address := range addresses {
		commands = append(commands, fmt.Sprintf("address replace %s/32 dev eth0", address))
	}
	return batch(ctx, netns, commands...)
}

// LoadBalancerAddresses lists the pool of addresses for Services of type LoadBalancer.
func LoadBalancerAddresses() []netip.Addr {
	return between(layout.LoadBalancerFirst, layout.LoadBalancerLast)
}

// BalancerAddresses lists the pool of addresses for load balancers in front of machines.
func BalancerAddresses() []netip.Addr { return between(layout.BalancerFirst, layout.BalancerLast) }

func between(first, last string) []netip.Addr {
	var pool []netip.Addr
	end := netip.MustParseAddr(last)
	for a := netip.MustParseAddr(first); a.Compare(end) <= 0; a = a.Next() {
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
	if _, err := os.Stat(filepath.Join(netnsDir, s.Netns)); err == nil {
		if err := command.Run(ctx, "ip", "netns", "delete", s.Netns); err != nil {
			return err
		}
	}
	return nil
}

// RemoveBridge takes the bridge and its firewall rules away.
func RemoveBridge(ctx context.Context) error {
	removeFirewall(ctx)
	if linkExists(layout.Bridge) {
		if err := command.Run(ctx, "ip", "link", "delete", layout.Bridge); err != nil {
			return err
		}
	}
	removeNetnsMount(ctx)
	return nil
}

// removeNetnsMount takes back what ip(8) mounts with the first namespace, once there is none of anybody.
func removeNetnsMount(ctx context.Context) {
	entries, err := os.ReadDir(netnsDir)
	if err != nil || len(entries) > 0 {
		return
	}
	if err := command.Run(ctx, "umount", netnsDir); err == nil {
		_ = os.Remove(netnsDir) // busy if somebody else mounted something there
	}
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
