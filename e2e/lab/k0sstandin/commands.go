// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/clusterconfig"
	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/controller"
	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/status"
	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/version"
	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/worker"
)

const runDir = "/run/k0s"

func controllerCommand() *cobra.Command {
	var options controllerOptions
	command := &cobra.Command{
		Use: "controller", Aliases: []string{"server"}, Short: "Run a controller", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(options.config)
			if err != nil {
				return err
			}
			if err := options.check(cfg); err != nil {
				return err
			}
			release, err := claimNode(options.dataDir)
			if err != nil {
				return err
			}
			defer release()
			node := &controller.Controller{
				Layout: controller.Layout{DataDir: options.dataDir, RunDir: runDir}, Config: cfg, Log: slog.Default(),
				Disabled: options.disabled, DynamicConfig: options.dynamicConfig, Verbosity: options.logging,
			}
			return node.Run(cmd.Context())
		},
	}
	options.register(command.Flags())
	return command
}

func workerCommand() *cobra.Command {
	var options workerOptions
	command := &cobra.Command{
		Use: "worker [join-token]", Short: "Run a worker", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			node, err := options.worker(args)
			if err != nil {
				return err
			}
			release, err := claimNode(options.dataDir)
			if err != nil {
				return err
			}
			defer release()
			return node.Run(cmd.Context())
		},
	}
	options.register(command.Flags())
	return command
}

func (o *workerOptions) worker(args []string) (*worker.Worker, error) {
	extra, err := worker.ParseFlags(o.kubeletExtraArgs)
	if err != nil {
		return nil, err
	}
	name, err := worker.NodeName(extra)
	if err != nil {
		return nil, err
	}
	node := &worker.Worker{
		DataDir: o.dataDir, RunDir: runDir, TokenFile: o.tokenFile, Profile: o.profile, NodeName: name, Labels: o.labels,
		Taints: o.taints, ExtraArgs: extra, RootDir: o.kubeletRootDir, Log: slog.Default(),
	}
	if node.RootDir == "" {
		node.RootDir = filepath.Join(o.dataDir, "kubelet")
	}
	if o.enableCloudProvider {
		node.CloudProvider = "external"
	}
	if node.Token = os.Getenv("K0S_TOKEN"); len(args) > 0 {
		node.Token = args[0]
	}
	if node.Token != "" && node.TokenFile != "" {
		return nil, errors.New("a join token is given more than once")
	}
	return node, nil
}

func statusCommand() *cobra.Command {
	var format string
	command := &cobra.Command{
		Use: "status", Short: "Say what runs here", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, err := status.Get(cmd.Context(), filepath.Join(runDir, status.Socket))
			if err != nil {
				return err
			}
			if format == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(info)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "Version: %s\nProcess ID: %d\nRole: %s\nWorkloads: %t\n",
				info.Version, info.Pid, info.Role, info.Workloads)
			return err
		},
	}
	command.Flags().StringVarP(&format, "out", "o", "", "json, or text when empty")
	return command
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the release that this program stands in for", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version.Version)
			return err
		},
	}
}

func configCommand() *cobra.Command {
	config := &cobra.Command{Use: "config", Short: "Work with configuration files", Args: cobra.NoArgs}
	var path string
	validate := &cobra.Command{
		Use: "validate", Short: "Check a configuration file", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { _, err := loadConfig(path); return err },
	}
	validate.Flags().StringVarP(&path, "config", "c", clusterconfig.DefaultPath, "configuration file")
	config.AddCommand(validate)
	return config
}

func loadConfig(path string) (clusterconfig.Config, error) {
	address, err := controller.OwnAddress()
	if err != nil {
		return clusterconfig.Config{}, err
	}
	return clusterconfig.Load(path, address)
}
