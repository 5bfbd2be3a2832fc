// SPDX-License-Identifier: Apache-2.0

// K0sstandin stands in for k0s where the lab has no internet: exactly the part of k0s that the project's output relies
// on, on the real programs of a cluster. It shares no code with the project and is held to the same contract as k0s
// (e2e/k0scontract).
//
// It is at least as strict as k0s: unknown flags, unknown or misplaced configuration keys, tokens that are not a worker's,
// and keys or tokens that others can read end with exit code 1. k0s itself overlooks unknown keys below spec.api,
// spec.network, spec.storage and spec.images, and takes keys of any mode.
//
// `k0s version` prints the release it stands in for and nothing else, because programs compare that. Every command says
// on standard error that it is the stand-in, and the status socket has StandIn: true.
//
// What it leaves out: joining as a controller, a kubelet on a controller, autopilot's updates, Helm charts, node-local and control plane load balancing,
// kube-router, Calico and metrics-server. The lab's test data switches off what would miss them.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/version"
)

func main() {
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	fmt.Fprintln(os.Stderr, version.Notice)
	if err := rootCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		return 1
	}
	return 0
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "k0s", Short: version.Notice, SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		// Without this an unknown command prints the help and succeeds.
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(controllerCommand(), workerCommand(), installCommand(), startCommand(), stopCommand(),
		statusCommand(), versionCommand(), configCommand())
	return root
}
