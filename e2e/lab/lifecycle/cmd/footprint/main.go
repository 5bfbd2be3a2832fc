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

// patience is how long processes that have been told to end may take.
const patience = 10 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "footprint:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	paths, err := layout.Default("")
	if err != nil {
		return err
	}
	switch len(args) {
	case 0:
		return show(ctx, paths, out)
	case 1:
		content, err := os.ReadFile(args[0])
		if err != nil {
			return fmt.Errorf("reading what stood before: %w", err)
		}
		return compare(ctx, paths, strings.Split(strings.TrimSpace(string(content)), "\n"))
	default:
		return fmt.Errorf("want at most one file, got %d", len(args))
	}
}

func show(ctx context.Context, paths layout.Paths, out io.Writer) error {
	machine, err := footprint.Gather(ctx, paths)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, strings.Join(footprint.Snapshot(machine), "\n"))
	return err
}

func compare(ctx context.Context, paths layout.Paths, before []string) error {
	for end := time.Now().Add(patience); ; {
		machine, err := footprint.Gather(ctx, paths)
		if err != nil {
			return err
		}
		left := footprint.Unpackaged(ctx, footprint.Compare(before, footprint.Snapshot(machine)))
		left = append(left, footprint.Of(paths, machine)...)
		if value := os.Getenv(footprint.Variable); value != "" {
			left = append(left, footprint.Started(machine, footprint.Variable+"="+value)...)
		}
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(end) || ctx.Err() != nil {
			return fmt.Errorf("this machine is not as it was before:\n  %s", strings.Join(left, "\n  "))
		}
		time.Sleep(500 * time.Millisecond)
	}
}
