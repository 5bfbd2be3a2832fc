// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/host"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/lifecycle/footprint"
	"github.com/k0smotron/k0smotron/e2e/lab/mgmt"
	"github.com/k0smotron/k0smotron/e2e/lab/network"
	"github.com/k0smotron/k0smotron/e2e/lab/process"
	"github.com/k0smotron/k0smotron/e2e/lab/step"
)

// Down removes everything but the cache and the installed packages, and then looks whether anything is left. It can be
// repeated and needs nothing to be intact.
func (l *Lab) Down(ctx context.Context) error {
	return l.exclusively(ctx, func(ctx context.Context) error {
		return l.Printer.Run(ctx,
			step.Step{Name: "stopping programs", Run: l.stopPrograms},
			step.Step{Name: "destroying machines", Run: l.destroyMachines},
			step.Step{Name: "killing pods and orphans", Run: l.killRest},
			step.Step{Name: "unmounting", Run: l.unmount},
			step.Step{Name: "removing cgroups", Run: removeCgroups},
			step.Step{Name: "disconnecting the network", Run: l.disconnect},
			step.Step{Name: "removing files", Run: l.removeFiles},
			step.Step{Name: "looking for leftovers", Run: l.lookForLeftovers},
			step.Step{Name: "packages that stay installed", Run: l.listPackages},
		)
	})
}

func (l *Lab) programs() process.Set { return process.Set{PIDs: l.Paths.Run, Logs: l.Paths.Logs()} }

// stopPrograms stops the kubelet first, so that it does not start again what ends.
func (l *Lab) stopPrograms(ctx context.Context) (string, error) {
	names, err := l.programs().Names()
	if err != nil {
		return "", err
	}
	slices.SortStableFunc(names, func(a, b string) int { return stopOrder(a) - stopOrder(b) })
	for _, name := range names {
		if err := l.programs().Stop(ctx, name, time.Second); err != nil {
			return "", err
		}
	}
	return strings.Join(names, " "), nil
}

func stopOrder(name string) int {
	if name == mgmt.Kubelet(layout.Paths{}).Name {
		return 0
	}
	return 1
}

// killRest kills what is left by now: the shims of containerd and their containers, and programs whose pid files were
// lost.
func (l *Lab) killRest(ctx context.Context) (string, error) {
	killed, err := process.KillAll(ctx, l.rest)
	return fmt.Sprintf("%d processes", len(killed)), err
}

func (l *Lab) rest() ([]string, error) {
	groups, err := footprint.Cgroups()
	if err != nil {
		return nil, err
	}
	var pids []string
	for _, group := range footprint.Own(groups) {
		members, err := host.CgroupProcesses(group)
		if err != nil {
			return nil, err
		}
		pids = append(pids, members...)
	}
	shims, err := process.WithArgument("containerd-shim-runc-v2", l.Paths.ContainerdSocket())
	if err != nil {
		return nil, err
	}
	marked, err := process.Marked(l.Paths.Run)
	return slices.Concat(pids, shims, marked), err
}

func (l *Lab) unmount(context.Context) (string, error) {
	if err := host.NewMountNamespace(l.Paths).Remove(); err != nil {
		return "", err
	}
	count := 0
	for _, dir := range []string{l.Paths.State, l.Paths.Run} {
		unmounted, err := host.UnmountBelow(dir)
		if err != nil {
			return "", err
		}
		count += unmounted
	}
	return fmt.Sprintf("%d mounts", count), nil
}

func removeCgroups(context.Context) (string, error) {
	groups, err := footprint.Cgroups()
	if err != nil {
		return "", err
	}
	own := footprint.Own(groups)
	for _, group := range own {
		if err := host.RemoveCgroup(group); err != nil {
			return "", err
		}
	}
	return strings.Join(own, " "), nil
}

// disconnect also takes away devices and namespaces of machines that nobody has a record of.
func (l *Lab) disconnect(ctx context.Context) (string, error) {
	devices, err := footprint.NetworkDevices()
	if err != nil {
		return "", err
	}
	for _, device := range footprint.Own(devices) {
		if device == layout.Bridge {
			continue // last, together with its rules
		}
		if err := command.Run(ctx, "ip", "link", "delete", device); err != nil {
			return "", err
		}
	}
	namespaces, err := footprint.NetworkNamespaces()
	if err != nil {
		return "", err
	}
	for _, namespace := range footprint.Own(namespaces) {
		if err := command.Run(ctx, "ip", "netns", "delete", namespace); err != nil {
			return "", err
		}
	}
	if err := network.RemoveBridge(ctx); err != nil {
		return "", err
	}
	return layout.Bridge, errors.Join(host.RestoreForwarding(l.Paths), l.restoreParameters())
}

func (l *Lab) removeFiles(context.Context) (string, error) {
	return l.Paths.State, host.RemoveState(l.Paths)
}

// lookForLeftovers fails and names all that is left of the lab. What has been told to go may take a moment.
func (l *Lab) lookForLeftovers(ctx context.Context) (string, error) {
	for end := l.Clock.Now().Add(5 * time.Second); ; {
		machine, err := footprint.Gather(ctx, l.Paths)
		if err != nil {
			return "", err
		}
		left := footprint.Of(l.Paths, machine)
		if len(left) == 0 {
			return "none", nil
		}
		if l.Clock.Now().After(end) {
			return "", fmt.Errorf("something of the lab is left:\n  %s", strings.Join(left, "\n  "))
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
