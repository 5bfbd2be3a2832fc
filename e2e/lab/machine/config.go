// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"net/netip"
	"path/filepath"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// Config says where machines live and what all of them get.
type Config struct {
	// State is a directory that holds one directory per machine.
	State string
	// Run is a directory for what does not survive a reboot of the host.
	Run string
	// Logs is a directory that gets one console log per machine. It stays when the machine goes.
	Logs string
	// Rootfs is the shared root file system.
	Rootfs string
	// Programs are put into every machine, read only.
	Programs []Program
	// Images are archives of container images that k0s imports from its data directory.
	Images []string
	// Nameservers go into the machine's resolv.conf. There must be one: CoreDNS does not start without.
	Nameservers []string
	// Pool is where machines get their addresses and the subnets of their pods from.
	Pool Pool
}

// Program is a file of the host that machines see at a path of theirs.
type Program struct {
	Source, Path string
}

// DefaultPool is the lab's: 10.211.0.20 to .99, and the /24 of 10.244.0.0/16 with the same last number for its pods.
func DefaultPool() Pool {
	return Pool{
		First: netip.MustParseAddr("10.211.0.20"),
		Last:  netip.MustParseAddr("10.211.0.99"),
		Pods:  netip.MustParsePrefix("10.244.0.0/16"),
	}
}

// DefaultConfig places machines where the lab keeps its things. Rootfs, Programs and Images are the caller's to fill.
func DefaultConfig(paths layout.Paths) Config {
	return Config{
		State:       filepath.Join(paths.State, "machines"),
		Run:         filepath.Join(paths.Run, "machines"),
		Logs:        filepath.Join(paths.Logs(), "machines"),
		Nameservers: []string{layout.HostIP},
		Pool:        DefaultPool(),
	}
}
