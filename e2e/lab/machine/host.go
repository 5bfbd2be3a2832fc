// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/host"
	"github.com/k0smotron/k0smotron/e2e/lab/process"
)

// shutdownTime is what an orderly shutdown may take.
const shutdownTime = 90 * time.Second

// Host makes, starts, stops and destroys machines. All it knows is in files, so a new Host takes over from an old one;
// two at the same time are one too many.
type Host struct {
	config    Config
	processes process.Set
	// mu serialises everything that changes machines.
	mu sync.Mutex
}

// NewHost runs machines as config says. It touches nothing.
func NewHost(config Config) *Host {
	return &Host{config: config, processes: process.Set{PIDs: config.Run, Logs: config.Logs}}
}

// Ensure makes and boots a machine unless it exists. One that exists is left as it is, running or not.
// The error is ErrInvalid, ErrTaken or ErrPoolExhausted, or what the host said.
func (h *Host) Ensure(ctx context.Context, spec Spec) (State, error) {
	if err := spec.validate(); err != nil {
		return State{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	r, err := h.claim(spec)
	if err != nil || r.Complete {
		return h.state(r), err
	}
	if err := h.furnish(ctx, r, spec.UserData); err != nil {
		return State{}, fmt.Errorf("preparing machine %s: %w", r.Name, err)
	}
	if err := h.launch(ctx, r); err != nil {
		return State{}, fmt.Errorf("starting machine %s: %w", r.Name, err)
	}
	r.Complete = true
	return h.state(r), h.remember(r)
}

// claim finds the record of a machine, or makes one with a free address.
func (h *Host) claim(spec Spec) (record, error) {
	r, err := h.recall(spec.Name)
	if err == nil && r.Owner != spec.Owner {
		return record{}, fmt.Errorf("%w: %s belongs to %s", ErrTaken, r.Name, r.Owner)
	}
	if !errors.Is(err, ErrNotFound) {
		return r, err
	}
	all, err := h.records()
	if err != nil {
		return record{}, err
	}
	taken := make([]netip.Addr, 0, len(all))
	for _, other := range all {
		taken = append(taken, other.Address)
	}
	address, err := h.config.Pool.Free(taken)
	if err != nil {
		return record{}, err
	}
	r = record{Name: spec.Name, Owner: spec.Owner, Address: address, ControlPlane: spec.ControlPlane}
	return r, h.remember(r)
}

// furnish makes the machine's directories and writes what is its own.
func (h *Host) furnish(ctx context.Context, r record, userData []byte) error {
	for _, dir := range []string{"upper", "work", "k0s/images"} {
		if err := os.MkdirAll(h.path(r.Name, dir), 0o755); err != nil {
			return fmt.Errorf("making a directory: %w", err)
		}
	}
	for _, archive := range h.config.Images {
		target := h.path(r.Name, "k0s/images", filepath.Base(archive))
		if err := command.Run(ctx, "cp", "--reflink=auto", archive, target); err != nil {
			return err
		}
	}
	return writeFiles(h.path(r.Name, "upper"), ownFiles(h.config, r, userData))
}

// Get returns the state of a machine, or ErrNotFound.
func (h *Host) Get(name string) (State, error) {
	r, err := h.recall(name)
	if err != nil {
		return State{}, err
	}
	return h.state(r), nil
}

// List returns the state of all machines, by name.
func (h *Host) List() ([]State, error) {
	all, err := h.records()
	if err != nil {
		return nil, err
	}
	states := make([]State, 0, len(all))
	for _, r := range all {
		states = append(states, h.state(r))
	}
	return states, nil
}

// Start boots a machine that does not run, with the disk it was left with.
func (h *Host) Start(ctx context.Context, name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	r, err := h.recall(name)
	if err != nil || h.state(r).Running {
		return err
	}
	return h.launch(ctx, r)
}

// Stop shuts a machine down in order, and cuts its power if that takes too long.
func (h *Host) Stop(ctx context.Context, name string) error {
	return h.end(ctx, name, func() error { return h.processes.Stop(ctx, name, shutdownTime) })
}

// PowerCut ends a machine from one moment to the next: no process of it gets to do another thing.
func (h *Host) PowerCut(ctx context.Context, name string) error {
	return h.end(ctx, name, func() error { return h.kill(ctx, name) })
}

// Destroy cuts the power of a machine and removes its disk. A machine that does not exist is no error.
func (h *Host) Destroy(ctx context.Context, name string) error {
	err := h.PowerCut(ctx, name)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := host.RemoveMemory(h.path(name, etcdDir)); err != nil {
		return fmt.Errorf("removing machine %s: %w", name, err)
	}
	// The record goes last: until then the destruction can be taken up again.
	for _, dir := range []string{"upper", "work", "k0s", etcdDir, ""} {
		if err := os.RemoveAll(h.path(name, dir)); err != nil {
			return fmt.Errorf("removing machine %s: %w", name, err)
		}
	}
	return nil
}

func (h *Host) end(ctx context.Context, name string, stop func() error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	r, err := h.recall(name)
	if err != nil {
		return err
	}
	if err := stop(); err != nil {
		return err
	}
	if err := h.cleanUp(ctx, r); err != nil {
		return fmt.Errorf("cleaning up after machine %s: %w", name, err)
	}
	return nil
}

// kill kills the supervisor, with which the machine's init dies and with that everything in it, and then whatever the
// machine's cgroups still hold.
func (h *Host) kill(ctx context.Context, name string) error {
	if pid, running := h.processes.PID(name); running {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("cutting the power of machine %s: %w", name, err)
		}
	}
	if err := h.processes.Stop(ctx, name, time.Second); err != nil {
		return err
	}
	return killGroup(ctx, filepath.Join(cgroupParent, name))
}

func (h *Host) state(r record) State {
	_, running := h.processes.PID(r.Name)
	return State{Name: r.Name, Owner: r.Owner, Address: r.Address, Running: running}
}
