// SPDX-License-Identifier: Apache-2.0

// Command footprint tells what stands on this machine, or what has come and gone since it told that before.
//
//	footprint           prints what stands
//	footprint <file>    compares with what it printed then, and names every difference, what is left of a lab, and what
//	                    still runs of all that was started with the caller's value of K0SMOTRON_CHECKS
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/lifecycle/footprint"
)

type command struct {
	out io.Writer
	// patience is how long processes that have been told to end may take.
	patience time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command{out: os.Stdout, patience: 10 * time.Second}.run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "footprint:", err)
		os.Exit(1)
	}
}

func (c command) run(ctx context.Context, args []string) error {
	paths, err := layout.Default("")
	if err != nil {
		return err
	}
	switch len(args) {
	case 0:
		return c.show(ctx, paths)
	case 1:
		content, err := os.ReadFile(args[0])
		if err != nil {
			return fmt.Errorf("reading what stood before: %w", err)
		}
		return c.compare(ctx, paths, strings.Split(strings.TrimSpace(string(content)), "\n"))
	default:
		return fmt.Errorf("want at most one file, got %d", len(args))
	}
}

func (c command) show(ctx context.Context, paths layout.Paths) error {
	machine, err := footprint.Gather(ctx, paths)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, strings.Join(footprint.Snapshot(machine), "\n"))
	return err
}

func (c command) compare(ctx context.Context, paths layout.Paths, before []string) error {
	for end := time.Now().Add(c.patience); ; {
		machine, err := footprint.Gather(ctx, paths)
		if err != nil {
			return err
		}
		left, err := footprint.Unpackaged(ctx, footprint.Compare(before, footprint.Snapshot(machine)))
		if err != nil {
			return err
		}
		left = append(left, footprint.Of(paths, machine)...)
		if value := os.Getenv(footprint.Variable); value != "" {
			left = append(left, footprint.Started(machine, footprint.Variable+"="+value)...)
		}
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("this machine is not as it was before:\n  %s", strings.Join(left, "\n  "))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}
