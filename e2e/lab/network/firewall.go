// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// rule is one of the lab's rules in the host's firewall.
type rule struct {
	table, chain string
	match        []string
}

// rules let the segment reach the host, itself and, translated, whatever the host reaches. Bridged packets pass FORWARD
// when bridge-nf-call-iptables is on, and a host with a container engine drops them there.
func rules() []rule {
	return []rule{
		{"filter", "INPUT", []string{"-i", layout.Bridge, "-j", "ACCEPT"}},
		{"filter", "FORWARD", []string{"-i", layout.Bridge, "-j", "ACCEPT"}},
		{"filter", "FORWARD", []string{"-o", layout.Bridge, "-j", "ACCEPT"}},
		{"nat", "POSTROUTING", []string{"-s", layout.Subnet, "!", "-o", layout.Bridge, "-j", "MASQUERADE"}},
	}
}

// arguments are those of iptables, marked as the lab's. verb is -C, -I or -D.
func (r rule) arguments(verb string) []string {
	arguments := []string{"-w", "-t", r.table, verb, r.chain, "-m", "comment", "--comment", "k0smotron-lab"}
	return append(arguments, r.match...)
}

func ensureFirewall(ctx context.Context) error {
	for _, r := range rules() {
		if err := command.Run(ctx, "iptables", r.arguments("-C")...); err == nil {
			continue
		}
		if err := command.Run(ctx, "iptables", r.arguments("-I")...); err != nil {
			return err
		}
	}
	return nil
}

func removeFirewall(ctx context.Context) {
	for _, r := range rules() {
		for command.Run(ctx, "iptables", r.arguments("-D")...) == nil { // until no such rule is left
			continue
		}
	}
}
