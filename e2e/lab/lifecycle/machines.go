// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/lab/images"
	"github.com/k0smotron/k0smotron/e2e/lab/k0s"
	"github.com/k0smotron/k0smotron/e2e/lab/machines"
	"github.com/k0smotron/k0smotron/e2e/lab/mgmt"
	"github.com/k0smotron/k0smotron/e2e/lab/process"
)

// prepareMachines finds the k0s that this lab runs and builds what machines are made of.
func (l *Lab) prepareMachines(ctx context.Context) (string, error) {
	binary, err := k0s.Find(ctx, l.Paths)
	if err != nil {
		return "", err
	}
	l.k0s = binary
	return binary.Origin, machines.Prepare(ctx, l.Paths, binary, l.Out)
}

// K0s tells which k0s the lab runs; empty before it is up.
func (l *Lab) K0s() string { return l.k0s.Origin }

// startAgent starts the program that makes machines for the infrastructure provider.
func (l *Lab) startAgent(ctx context.Context) (string, error) {
	spec := machines.Agent(l.Paths, l.ownProgram(machines.AgentProgram))
	if err := l.checkOrphan(spec); err != nil {
		return "", err
	}
	if err := mgmt.Start(ctx, l.Paths, spec); err != nil {
		return "", err
	}
	return machines.DownloadAddress, machines.Wait(ctx, l.Paths)
}

// checkOrphan refuses to start a program that still runs from a lab whose files are gone: it holds what the new one
// needs, and whether it may end is for a person to say, by `lab down` for one.
func (l *Lab) checkOrphan(spec process.Spec) error {
	found, err := process.WithArgument(filepath.Base(spec.Args[0]), spec.Args[len(spec.Args)-1])
	if err != nil {
		return err
	}
	known, _ := l.programs().PID(spec.Name)
	for _, pid := range found {
		if pid != strconv.Itoa(known) {
			return fmt.Errorf("process %s is a %s left by an earlier lab whose files are gone: "+
				"end it with `lab down` or `kill %s` and repeat", pid, spec.Name, pid)
		}
	}
	return nil
}

// importK0s imports what the pods of hosted control planes run.
func (l *Lab) importK0s(ctx context.Context) (string, error) {
	var names []string
	for _, img := range k0s.Images(l.Paths, l.k0s) {
		if err := images.Ensure(ctx, l.Paths, img); err != nil {
			return "", err
		}
		names = append(names, img.Name)
	}
	return strings.Join(names, " "), nil
}

// destroyMachines takes away all machines; their agent has been stopped.
func (l *Lab) destroyMachines(ctx context.Context) (string, error) {
	names, err := machines.DestroyAll(ctx, l.Paths)
	return fmt.Sprintf("%d machines", len(names)), err
}
