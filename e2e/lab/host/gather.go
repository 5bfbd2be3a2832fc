// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// Gather reads the facts that Check judges.
func Gather(paths layout.Paths) (Facts, error) {
	facts := Facts{OS: runtime.GOOS, UID: os.Getuid()}
	_, err := exec.LookPath("apt-get")
	facts.HasApt = err == nil
	if facts.Links, err = links(); err != nil {
		return Facts{}, err
	}
	if facts.Routes, err = routes(); err != nil {
		return Facts{}, err
	}
	entries, err := os.ReadDir(paths.State)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Facts{}, fmt.Errorf("reading the state directory: %w", err)
	}
	for _, entry := range entries {
		facts.StateEntries = append(facts.StateEntries, entry.Name())
	}
	return facts, nil
}

// Claim marks the state directory as the lab's.
func Claim(paths layout.Paths) error {
	if err := os.MkdirAll(paths.State, 0o755); err != nil {
		return fmt.Errorf("creating the state directory: %w", err)
	}
	if err := os.WriteFile(filepath.Join(paths.State, marker), nil, 0o644); err != nil {
		return fmt.Errorf("marking the state directory: %w", err)
	}
	return nil
}

func links() (map[string][]netip.Prefix, error) {
	devices, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("listing network devices: %w", err)
	}
	found := make(map[string][]netip.Prefix, len(devices))
	for _, device := range devices {
		addresses, err := device.Addrs()
		if err != nil {
			return nil, fmt.Errorf("listing addresses of %s: %w", device.Name, err)
		}
		found[device.Name] = nil
		for _, address := range addresses {
			prefix, err := netip.ParsePrefix(address.String())
			if err == nil && prefix.Addr().Is4() {
				found[device.Name] = append(found[device.Name], prefix)
			}
		}
	}
	return found, nil
}

func routes() ([]Route, error) {
	content, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return nil, fmt.Errorf("reading the routing table: %w", err)
	}
	return parseRoutes(string(content)), nil
}

// parseRoutes reads /proc/net/route: a header, then device, destination, gateway, flags, three counters and mask,
// addresses as hexadecimal numbers in host byte order, which on every machine Go and Kubernetes run on is little endian.
func parseRoutes(table string) []Route {
	var found []Route
	for line := range strings.SplitSeq(table, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 8 {
			continue
		}
		to, err := strconv.ParseUint(fields[1], 16, 32)
		mask, maskErr := strconv.ParseUint(fields[7], 16, 32)
		if err != nil || maskErr != nil {
			continue
		}
		ones, _ := net.IPMask(bytesOf(mask)).Size()
		address, _ := netip.AddrFromSlice(bytesOf(to))
		found = append(found, Route{To: netip.PrefixFrom(address, ones), Device: fields[0]})
	}
	return found
}

func bytesOf(n uint64) []byte {
	return []byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}
}
