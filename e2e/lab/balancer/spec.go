// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"
	"net/netip"
	"regexp"

	"github.com/k0smotron/k0smotron/e2e/lab/machine"
)

// Spec is what a balancer is made from.
type Spec struct {
	// Name tells it from all others.
	Name string `json:"name"`
	// Ports are those it listens on, and those of its back ends.
	Ports []uint16 `json:"ports"`
	// Backends are the addresses of the machines behind it, running or not.
	Backends []netip.Addr `json:"backends,omitempty"`
}

// State is what is known of a balancer.
type State struct {
	Name    string     `json:"name"`
	Address netip.Addr `json:"address"`
	// Backends are those of all ports.
	Backends []Backend `json:"backends,omitempty"`
}

// Backend is one port of one machine.
type Backend struct {
	Target netip.AddrPort `json:"target"`
	// Up is set while connections are passed to it.
	Up bool `json:"up"`
	// Connections is how many it has now.
	Connections int `json:"connections"`
}

// record is what is remembered of a balancer.
type record struct {
	Spec

	Address netip.Addr `json:"address"`
}

// validName is what Kubernetes accepts as the name of an object, which is also the name of a file.
var validName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,249}[a-z0-9])?$`)

// validate also keeps the port of the join API away: controllers reach each other there without a balancer.
func (s Spec) validate() error {
	if !validName.MatchString(s.Name) {
		return fmt.Errorf("%w: %q is no name for a load balancer", machine.ErrInvalid, s.Name)
	}
	if len(s.Ports) == 0 {
		return fmt.Errorf("%w: load balancer %s has no port", machine.ErrInvalid, s.Name)
	}
	for _, port := range s.Ports {
		if port == 0 || port == joinPort {
			return fmt.Errorf("%w: load balancer %s has port %d", machine.ErrInvalid, s.Name, port)
		}
	}
	return nil
}

// joinPort is where k0s controllers join each other.
const joinPort = 9443
