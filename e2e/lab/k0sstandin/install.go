// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/service"
)

// notCopied are flags of `k0s install` itself; all others go into the unit.
var notCopied = []string{"force", "env", "start"}

// paths are flags whose value must not depend on the working directory.
var paths = []string{"data-dir", "kubelet-root-dir", "token-file", "config"}

func installCommand() *cobra.Command {
	install := &cobra.Command{Use: "install", Short: "Install the service of a role", Args: cobra.NoArgs}
	var controller controllerOptions
	var worker workerOptions
	for _, role := range []string{"controller", "worker"} {
		command := &cobra.Command{
			Use: role, Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				if role == "worker" {
					return installRole(cmd, role)
				}
				return installController(cmd, controller)
			},
		}
		flags := command.Flags()
		flags.Bool("force", false, "replace an installed service")
		flags.StringArrayP("env", "e", nil, "environment of the service, NAME=VALUE")
		flags.Bool("start", false, "start the service")
		if role == "controller" {
			controller.register(flags)
		} else {
			worker.register(flags)
		}
		install.AddCommand(command)
	}
	return install
}

// installController says now what the service would say later, where few look.
func installController(cmd *cobra.Command, options controllerOptions) error {
	cfg, err := loadConfig(options.config)
	if err != nil {
		return err
	}
	if err := options.check(cfg); err != nil {
		return err
	}
	return installRole(cmd, "controller")
}

func installRole(cmd *cobra.Command, role string) error {
	if os.Geteuid() != 0 {
		return errors.New("this command must be run as root")
	}
	args, err := unitArgs(cmd.Flags())
	if err != nil {
		return err
	}
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("looking for this program: %w", err)
	}
	environment, err := cmd.Flags().GetStringArray("env")
	if err != nil {
		return fmt.Errorf("reading environment: %w", err)
	}
	unit := service.Unit{
		Role:        role,
		Executable:  executable,
		Args:        append([]string{role}, args...),
		Environment: environment,
	}
	existing := service.Refuse
	if cmd.Flags().Changed("force") {
		existing = service.Replace
	}
	if err := service.Install(cmd.Context(), unit, existing); err != nil || !cmd.Flags().Changed("start") {
		return err
	}
	return service.Start(cmd.Context())
}

// unitArgs are the flags that were given, as the unit repeats them.
func unitArgs(flags *pflag.FlagSet) ([]string, error) {
	var args []string
	var failed error
	flags.Visit(func(flag *pflag.Flag) {
		if slices.Contains(notCopied, flag.Name) {
			return
		}
		value := strings.Trim(flag.Value.String(), "[]")
		if slices.Contains(paths, flag.Name) {
			absolute, err := filepath.Abs(value)
			failed, value = errors.Join(failed, err), absolute
		}
		args = append(args, "--"+flag.Name+"="+value)
	})
	return args, failed
}

func startCommand() *cobra.Command {
	return &cobra.Command{
		Use: "start", Short: "Start the installed service", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return service.Start(cmd.Context()) },
	}
}

func stopCommand() *cobra.Command {
	return &cobra.Command{
		Use: "stop", Short: "Stop the installed service", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return service.Stop(cmd.Context()) },
	}
}
