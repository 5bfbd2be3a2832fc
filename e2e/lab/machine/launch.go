// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/host"
	"github.com/k0smotron/k0smotron/e2e/lab/network"
	"github.com/k0smotron/k0smotron/e2e/lab/process"
)

//go:embed launch.sh
var launchScript []byte

// netnsPrefix starts the names of the machines' network namespaces.
const netnsPrefix = "k0slab-"

// etcdDir is the directory of a control plane's machine that is in memory.
const etcdDir = "etcd"

// segment is the machine's place on the lab's bridge. The name of a network device is too short for a machine's name.
func segment(r record) network.Segment {
	return network.Segment{
		Netns:   netnsPrefix + r.Name,
		Veth:    fmt.Sprintf("%sm%d", netnsPrefix, lastNumber(r.Address)),
		Address: r.Address.String(),
	}
}

// launch boots a machine that does not run.
func (h *Host) launch(ctx context.Context, r record) error {
	// A machine that lost its power has also lost its firewall rules and bridges.
	if err := unplug(ctx, r); err != nil {
		return err
	}
	if err := h.plug(ctx, r); err != nil {
		return err
	}
	if r.ControlPlane {
		if err := host.EnsureMemory(h.path(r.Name, etcdDir)); err != nil {
			return err
		}
	}
	groups, err := cgroupsOf(r.Name)
	if err != nil {
		return err
	}
	if err := groups.create(); err != nil {
		return err
	}
	spec, err := h.launchSpec(r, groups)
	if err != nil {
		return err
	}
	if _, err := h.processes.Ensure(ctx, spec); err != nil {
		return fmt.Errorf("booting machine: %w", err)
	}
	return nil
}

func (h *Host) launchSpec(r record, groups cgroups) (process.Spec, error) {
	script := filepath.Join(h.config.Run, "launch.sh")
	mountPoint := filepath.Join(h.config.Run, r.Name)
	if err := os.MkdirAll(mountPoint, 0o755); err != nil {
		return process.Spec{}, fmt.Errorf("making a mount point: %w", err)
	}
	if err := os.WriteFile(script, launchScript, 0o755); err != nil {
		return process.Spec{}, fmt.Errorf("placing the launch script: %w", err)
	}
	return process.Spec{
		Name: r.Name,
		Args: append([]string{"sh", script}, nspawnArguments(h.config, r)...),
		Env: []string{
			"LOWER=" + h.config.Rootfs,
			"UPPER=" + h.path(r.Name, "upper"),
			"WORK=" + h.path(r.Name, "work"),
			"ROOT=" + mountPoint,
			"ENTER=" + strings.Join(groups.procs(), " "),
			"HIERARCHIES=" + groups.lines(),
			// Pod networks need to set up their devices; other kernel parameters are the host's.
			"SYSTEMD_NSPAWN_API_VFS_WRITABLE=network",
		},
	}, nil
}

// nspawnArguments give the machine what a virtual machine would have: all rights, an init system, no link to its host.
func nspawnArguments(config Config, r record) []string {
	arguments := []string{
		"--machine=" + r.Name,
		"--boot",
		"--register=no", "--keep-unit", "--link-journal=no", "--resolv-conf=off", "--timezone=off",
		"--console=read-only",
		"--capability=all",
		"--system-call-filter=@keyring bpf",
		"--kill-signal=SIGRTMIN+4", // power off, when the supervisor gets SIGTERM
		"--network-namespace-path=/run/netns/" + segment(r).Netns,
		"--bind=" + filepath.Join(config.State, r.Name, "k0s") + ":/var/lib/k0s",
	}
	if r.ControlPlane {
		arguments = append(arguments, "--bind="+filepath.Join(config.State, r.Name, etcdDir)+":/var/lib/k0s/etcd")
	}
	for _, program := range config.Programs {
		arguments = append(arguments, "--bind-ro="+program.Source+":"+program.Path)
	}
	return arguments
}

// plug connects the machine to the lab's bridge, and tells it the way to the pods of all others.
func (h *Host) plug(ctx context.Context, r record) error {
	s := segment(r)
	if err := network.Ensure(ctx, s); err != nil {
		return fmt.Errorf("connecting the machine: %w", err)
	}
	routes := strings.Join(h.config.Pool.routes(r.Address), "\n") + "\n"
	ip := command.InNetns(s.Netns, "ip", "-batch", "-")
	if err := command.Feed(ctx, strings.NewReader(routes), ip[0], ip[1:]...); err != nil {
		return fmt.Errorf("routing to other machines' pods: %w", err)
	}
	return nil
}

func unplug(ctx context.Context, r record) error {
	if err := network.Remove(ctx, segment(r)); err != nil {
		return fmt.Errorf("disconnecting the machine: %w", err)
	}
	return nil
}

// cleanUp takes away what a machine leaves on the host when it ends.
func (h *Host) cleanUp(ctx context.Context, r record) error {
	if err := unplug(ctx, r); err != nil {
		return err
	}
	groups, err := cgroupsOf(r.Name)
	if err != nil {
		return err
	}
	if err := groups.remove(); err != nil {
		return err
	}
	err = os.Remove(filepath.Join(h.config.Run, r.Name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing a mount point: %w", err)
	}
	return nil
}
