// SPDX-License-Identifier: Apache-2.0

package footprint

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/host"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// Gather looks at this machine. It sees everything only as root.
func Gather(ctx context.Context, p layout.Paths) (Machine, error) {
	var m Machine
	for _, read := range []func() error{
		func() (err error) { m.Processes, err = processes(); return err },
		func() (err error) { m.Mounts, err = mounts(m.Processes); return err },
		func() error { return readNetwork(p, &m) },
		func() (err error) { m.Namespaces, err = NetworkNamespaces(); return err },
		func() (err error) { m.Rules, err = rules(ctx); return err },
		func() (err error) { m.Cgroups, err = Cgroups(); return err },
		func() (err error) { m.Files, err = files(p, places()); return err },
		func() (err error) { m.Settings, err = settings(); return err },
	} {
		if err := read(); err != nil {
			return Machine{}, err
		}
	}
	return m, nil
}

func readNetwork(p layout.Paths, m *Machine) error {
	facts, err := host.Gather(p)
	if err != nil {
		return err
	}
	for device, addresses := range facts.Links {
		m.Links = append(m.Links, device)
		for _, address := range addresses {
			m.Addresses = append(m.Addresses, fmt.Sprintf("%s on %s", address, device))
		}
	}
	for _, route := range facts.Routes {
		m.Routes = append(m.Routes, fmt.Sprintf("%s on %s", route.To, route.Device))
	}
	return nil
}

// NetworkDevices are the names of the network devices.
func NetworkDevices() ([]string, error) { return names("/sys/class/net") }

// NetworkNamespaces are the names of the named network namespaces.
func NetworkNamespaces() ([]string, error) { return names("/run/netns") }

// Cgroups are the names of the groups below the root of any hierarchy.
func Cgroups() ([]string, error) {
	const mount = "/sys/fs/cgroup"
	folders := []string{mount}
	if _, err := os.Stat(filepath.Join(mount, "cgroup.controllers")); err != nil { // version 1: a folder per hierarchy
		hierarchies, err := names(mount)
		if err != nil {
			return nil, err
		}
		folders = nil
		for _, hierarchy := range hierarchies {
			folders = append(folders, filepath.Join(mount, hierarchy))
		}
	}
	var groups []string
	for _, folder := range folders {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return nil, fmt.Errorf("listing cgroups: %w", err)
		}
		for _, entry := range entries {
			if entry.IsDir() {
				groups = append(groups, entry.Name())
			}
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups), nil
}

func names(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("listing %s: %w", dir, err)
	}
	found := make([]string, 0, len(entries))
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	return found, nil
}

// rules reads the packet filter of a machine that has the tool for it; without the tool nobody made a rule with it.
func rules(ctx context.Context) ([]string, error) {
	const tool = "iptables-save"
	if !hasTool(tool) {
		return nil, nil
	}
	saved, err := command.Output(ctx, tool)
	if err != nil {
		return nil, err
	}
	return parseRules(saved), nil
}

func hasTool(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

// parseRules keeps rules and chains that somebody made. The chains that the kernel brings stay, empty, in every table
// that was ever used.
func parseRules(saved string) []string {
	var found []string
	table := ""
	for line := range strings.Lines(saved) {
		line = strings.TrimSpace(line)
		name, isTable := strings.CutPrefix(line, "*")
		chain, isChain := strings.CutPrefix(line, ":")
		switch {
		case isTable:
			table = name
		case isChain && strings.Contains(chain, " - "):
			found = append(found, table+" "+strings.Fields(line)[0])
		case strings.HasPrefix(line, "-A "):
			found = append(found, table+" "+line)
		}
	}
	return found
}

// kernelParameters are those that a lab changes: to forward, and, by its kubelet, as every kubelet wants them.
func kernelParameters() []string {
	return append([]string{"net/ipv4/ip_forward"}, KubeletParameters()...)
}

// KubeletParameters are the kernel parameters that a kubelet sets at its start, below /proc/sys.
func KubeletParameters() []string {
	return []string{
		"kernel/keys/root_maxbytes", "kernel/keys/root_maxkeys", "kernel/panic", "kernel/panic_on_oops",
		"vm/overcommit_memory", "vm/panic_on_oom",
	}
}

func settings() ([]string, error) {
	var lines []string
	for _, parameter := range kernelParameters() {
		content, err := os.ReadFile(filepath.Join("/proc/sys", parameter))
		if errors.Is(err, os.ErrNotExist) {
			continue // this kernel was built without it
		}
		if err != nil {
			return nil, fmt.Errorf("reading kernel parameter: %w", err)
		}
		lines = append(lines, parameter+" = "+strings.TrimSpace(string(content)))
	}
	return lines, nil
}
