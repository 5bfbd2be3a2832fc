// SPDX-License-Identifier: Apache-2.0

// Package host checks and prepares the machine the lab runs on.
package host

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// marker is the file by which the lab recognises its own state directory.
const marker = ".k0smotron-lab"

// Facts is what preflight judges.
type Facts struct {
	OS     string
	UID    int
	HasApt bool
	// Links maps the names of network devices to their addresses.
	Links map[string][]netip.Prefix
	// Routes are the destinations of the main routing table by device.
	Routes []Route
	// StateEntries are the names in the state directory; empty if there is none.
	StateEntries []string
}

// Route is one destination of the routing table.
type Route struct {
	To     netip.Prefix
	Device string
}

// Check says why the lab cannot run here. Only what really stands in its way is named: that other container engines,
// clusters or networks exist is no reason.
func Check(f Facts) error {
	if f.OS != "linux" {
		return fmt.Errorf("the lab needs Linux (network namespaces, cgroups, systemd-nspawn); this is %s", f.OS)
	}
	var problems []error
	if f.UID != 0 {
		problems = append(problems, fmt.Errorf("the lab needs root, run it with sudo; user id is %d", f.UID))
	}
	if !f.HasApt {
		problems = append(
			problems,
			errors.New("the lab needs apt-get (Debian or Ubuntu) to install containerd, runc and the CNI plugins"),
		)
	}
	problems = append(problems, bridgeCollision(f), routeCollision(f), stateCollision(f))
	return errors.Join(problems...)
}

func bridgeCollision(f Facts) error {
	addresses, exists := f.Links[layout.Bridge]
	if !exists || slices.Contains(addresses, netip.PrefixFrom(netip.MustParseAddr(layout.HostIP), layout.PrefixLen)) {
		return nil
	}
	if len(addresses) == 0 {
		return nil // an earlier run was interrupted before it set the address
	}
	return fmt.Errorf("network device %s exists with address %s and is not the lab's (%s/%d): remove or rename it",
		layout.Bridge, addresses[0], layout.HostIP, layout.PrefixLen)
}

func routeCollision(f Facts) error {
	subnet := netip.MustParsePrefix(layout.Subnet)
	for _, route := range f.Routes {
		if route.Device != layout.Bridge && route.To.Bits() > 0 && route.To.Overlaps(subnet) {
			return fmt.Errorf(
				"subnet %s of the lab overlaps %s, routed to %s: take that route away",
				subnet,
				route.To,
				route.Device,
			)
		}
	}
	return nil
}

func stateCollision(f Facts) error {
	if len(f.StateEntries) == 0 || slices.Contains(f.StateEntries, marker) {
		return nil
	}
	entries := f.StateEntries
	if len(entries) > 3 {
		entries = append(slices.Clone(entries[:3]), "...")
	}
	return fmt.Errorf(
		"the state directory holds files that are not the lab's (%s): move them away",
		strings.Join(entries, ", "),
	)
}
