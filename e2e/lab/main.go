// SPDX-License-Identifier: Apache-2.0

// Command lab runs a real management cluster on one Linux host, for end-to-end tests and the demo.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/k0smotron/k0smotron/e2e/lab/lifecycle"
)

const usage = `lab runs a real management cluster for k0smotron on this machine. It needs Linux, root and apt.

  lab up           bring up what is not up yet; may be repeated
  lab init         install Cluster API and the providers of dist/ with clusterctl
  lab status       tell what runs and where to look
  lab kubeconfig   print where the administrator's kubeconfig is
  lab down         remove everything but the cache and the installed packages
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 {
		fmt.Fprint(os.Stderr, usage)
		return fmt.Errorf("want one command, got %d", len(args))
	}
	lab, err := lifecycle.New(os.Stdout)
	if err != nil {
		return err
	}
	switch args[0] {
	case "up":
		return lab.Up(ctx)
	case "init":
		return lab.Init(ctx)
	case "down":
		return lab.Down(ctx)
	case "status":
		return lab.Status(ctx, os.Stdout)
	case "kubeconfig":
		_, err := fmt.Println(lab.Paths.Kubeconfig())
		return err
	case "help", "-h", "--help":
		_, err := fmt.Print(usage)
		return err
	default:
		fmt.Fprint(os.Stderr, usage)
		return fmt.Errorf("unknown command %q", args[0])
	}
}
