// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/k0smotron/k0smotron/e2e/lab/host"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/mgmt"
	"github.com/k0smotron/k0smotron/e2e/lab/network"
	"github.com/k0smotron/k0smotron/e2e/lab/process"
	"github.com/k0smotron/k0smotron/e2e/lab/step"
)

// Down removes everything but the cache and the installed packages. It can be repeated and needs nothing to be intact.
func (l *Lab) Down(ctx context.Context) error {
	return l.Printer.Run(ctx,
		step.Step{Name: "stopping programs", Run: l.stopPrograms},
		step.Step{Name: "destroying machines", Run: l.destroyMachines},
		step.Step{Name: "killing pods", Run: l.killPods},
		step.Step{Name: "unmounting", Run: l.unmount},
		step.Step{Name: "removing cgroups", Run: removeCgroups},
		step.Step{Name: "disconnecting the network", Run: l.disconnect},
		step.Step{Name: "removing files", Run: l.removeFiles},
	)
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

// killPods kills what containerd leaves behind: the shims of its containers and the containers themselves.
func (l *Lab) killPods(ctx context.Context) (string, error) {
	killed := map[string]bool{}
	for range 100 {
		pids, err := l.leftovers()
		if err != nil || len(pids) == 0 {
			return fmt.Sprintf("%d processes", len(killed)), err
		}
		for _, pid := range pids {
			killed[pid] = true
			number, err := strconv.Atoi(pid)
			if err != nil {
				return "", fmt.Errorf("reading process id: %w", err)
			}
			if err := syscall.Kill(number, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return "", fmt.Errorf("killing process %d: %w", number, err)
			}
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return "", errors.New("processes of pods survive SIGKILL")
}

func (l *Lab) leftovers() ([]string, error) {
	pids, err := host.CgroupProcesses(layout.CgroupRoot)
	if err != nil {
		return nil, err
	}
	shims, err := process.WithArgument("containerd-shim-runc-v2", l.Paths.ContainerdSocket())
	return append(pids, shims...), err
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
	return layout.CgroupRoot, host.RemoveCgroup(layout.CgroupRoot)
}

func (l *Lab) disconnect(ctx context.Context) (string, error) {
	if err := network.Remove(ctx, network.Mgmt()); err != nil {
		return "", err
	}
	if err := network.RemoveBridge(ctx); err != nil {
		return "", err
	}
	return layout.Bridge, host.RestoreForwarding(l.Paths)
}

func (l *Lab) removeFiles(context.Context) (string, error) {
	return l.Paths.State, host.RemoveState(l.Paths)
}
