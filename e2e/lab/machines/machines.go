// SPDX-License-Identifier: Apache-2.0

// Package machines puts together what the lab's machines are made of, and runs the program that makes them: the
// machine agent, which also serves k0s for download. The agent is a process of the host that outlives the lab command.
package machines

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/k0smotron/k0smotron/e2e/lab/download"
	"github.com/k0smotron/k0smotron/e2e/lab/k0s"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/machine"
	"github.com/k0smotron/k0smotron/e2e/lab/machine/agent"
	"github.com/k0smotron/k0smotron/e2e/lab/process"
	"github.com/k0smotron/k0smotron/e2e/lab/rootfs"
	"github.com/k0smotron/k0smotron/e2e/lab/workerimages"
)

// DownloadAddress is where machines download k0s from, by the names that download.FileName gives.
const DownloadAddress = layout.HostIP + ":8480"

// AgentProgram is the name of the agent's binary and process.
const AgentProgram = "machine-agent"

// AgentConfig is the content of the agent's configuration file.
type AgentConfig struct {
	// Machine says how machines are made.
	Machine machine.Config `json:"machine"`
	// Balancers is the directory that holds one file per load balancer.
	Balancers string `json:"balancers"`
	// Socket is where the agent takes orders.
	Socket string `json:"socket"`
	// Address is where it serves Downloads, a map from name to file.
	Address   string            `json:"address"`
	Downloads map[string]string `json:"downloads"`
}

// Socket is where the agent takes orders. It has a directory to itself, which the provider's pod mounts.
func Socket(p layout.Paths) string { return filepath.Join(p.Run, "agent", "agent.sock") }

func configFile(p layout.Paths) string { return filepath.Join(p.Config(), AgentProgram+".json") }

// Prepare builds what machines are made of and writes the agent's configuration. All that takes long is in the cache
// afterwards. Progress gets a line for each step that does.
func Prepare(ctx context.Context, p layout.Paths, binary k0s.Binary, progress io.Writer) error {
	root, err := rootfs.Ensure(ctx, p.Cache, progress)
	if err != nil {
		return err
	}
	images, err := workerimages.Ensure(ctx, p.Images(), root, workerimages.DefaultPrograms(p))
	if err != nil {
		return err
	}
	config := compose(p, binary, root, images)
	next, found, err := k0s.Next(ctx)
	if err != nil {
		return err
	}
	if found {
		config.Downloads[download.FileName(next.Version, layout.Arch())] = next.Path
	}
	return writeConfig(p, config)
}

// compose says what every machine gets.
func compose(p layout.Paths, binary k0s.Binary, root, images string) AgentConfig {
	config := machine.DefaultConfig(p)
	config.Rootfs = root
	config.Images = []string{images}
	config.Programs = programs(p)
	return AgentConfig{
		Machine: config, Balancers: p.Balancers(), Socket: Socket(p), Address: DownloadAddress,
		Downloads: map[string]string{download.FileName(k0s.Version, layout.Arch()): binary.Path},
	}
}

// programs are what a k0s that embeds none finds on the PATH of its machine: a worker the kubelet, a controller the rest;
// kubectl is for whoever looks after the machine. All are of the Kubernetes that k0s is.
func programs(p layout.Paths) []machine.Program {
	sources := k0s.Components(p)
	sources["etcd"] = p.Bin("etcd", layout.EtcdVersion, "etcd")
	for _, name := range []string{"kubelet", "kubectl"} {
		sources[name] = p.Bin("kubernetes", layout.KubernetesVersion+"+k0s", name)
	}
	found := make([]machine.Program, 0, len(sources))
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		found = append(found, machine.Program{Source: sources[name], Path: "/usr/local/bin/" + name})
	}
	return found
}

func writeConfig(p layout.Paths, config AgentConfig) error {
	content, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the machine agent's configuration: %w", err)
	}
	for _, dir := range []string{p.Config(), filepath.Dir(config.Socket)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making a directory of the machine agent: %w", err)
		}
	}
	if err := os.WriteFile(configFile(p), content, 0o644); err != nil {
		return fmt.Errorf("writing the machine agent's configuration: %w", err)
	}
	return nil
}

// ReadConfig reads a configuration file that Prepare wrote.
func ReadConfig(path string) (AgentConfig, error) {
	var config AgentConfig
	content, err := os.ReadFile(path)
	if err != nil {
		return config, fmt.Errorf("reading the machine agent's configuration: %w", err)
	}
	if err := json.Unmarshal(content, &config); err != nil {
		return config, fmt.Errorf("reading the machine agent's configuration: %w", err)
	}
	return config, nil
}

// Agent is the agent as a program of the lab; binary is where it was built. It is started anew when it, its
// configuration or one of the files it serves has changed, without any harm to the machines.
func Agent(p layout.Paths, binary string) process.Spec {
	inputs := []string{binary, configFile(p)}
	if config, err := ReadConfig(configFile(p)); err == nil {
		inputs = append(inputs, slices.Sorted(maps.Values(config.Downloads))...)
	}
	return process.Spec{Name: AgentProgram, Args: []string{binary, "-config", configFile(p)}, Inputs: inputs}
}

// Wait waits until the agent takes orders.
func Wait(ctx context.Context, p layout.Paths) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client := agent.NewClient(Socket(p))
	for {
		_, err := client.List(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the machine agent: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// DestroyAll destroys every machine and returns their names. The agent must not run any more.
func DestroyAll(ctx context.Context, p layout.Paths) ([]string, error) {
	host := machine.NewHost(machine.DefaultConfig(p))
	states, err := host.List()
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(states))
	for _, state := range states {
		if err := host.Destroy(ctx, state.Name); err != nil {
			return names, err
		}
		names = append(names, state.Name)
	}
	return names, nil
}
