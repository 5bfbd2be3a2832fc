// SPDX-License-Identifier: Apache-2.0

// K0sstandin stands in for k0s where the lab has no internet: exactly the part of k0s that the project's output relies
// on, on the real programs of a cluster. It shares no code with the project, is at least as strict as k0s, and says on
// every run that it is not k0s.
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
