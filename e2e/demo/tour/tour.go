// SPDX-License-Identifier: Apache-2.0

// Package tour shows a person what a cluster is made of once it runs, with the tools they would use themselves.
package tour

import (
	"context"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// HelloImage is what the pod runs; the lab puts it on its machines.
const HelloImage = "lab.k0smotron.io/hello:v1"

//go:embed hello.yaml
var hello string

// Tour goes through one cluster.
type Tour struct {
	// Paths are those of the lab.
	Paths layout.Paths
	// Out is where the person reads.
	Out io.Writer
	// Cluster and Namespace name the cluster.
	Cluster, Namespace string
}

// Kubeconfig is where the workload cluster's kubeconfig is put for the person.
func (t Tour) Kubeconfig() string { return filepath.Join(t.Paths.State, t.Cluster+".kubeconfig") }

// Run shows the cluster, runs a pod on it and checks that no pod is left behind.
func (t Tour) Run(ctx context.Context) error {
	for _, stop := range []func(context.Context) error{
		t.saveKubeconfig, t.describe, t.nodes, t.runPod, t.pods,
	} {
		if err := stop(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (t Tour) saveKubeconfig(ctx context.Context) error {
	encoded, err := command.Output(ctx, t.Paths.Kubernetes("kubectl"), "--kubeconfig", t.Paths.Kubeconfig(),
		"--namespace", t.Namespace, "get", "secret", t.Cluster+"-kubeconfig", "-o", "jsonpath={.data.value}")
	if err != nil {
		return err
	}
	content, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return fmt.Errorf("decoding the kubeconfig of %s: %w", t.Cluster, err)
	}
	return os.WriteFile(t.Kubeconfig(), content, 0o600)
}

func (t Tour) describe(ctx context.Context) error {
	clusterctl := t.Paths.Bin("capi", layout.ClusterAPIVersion, "clusterctl")
	return t.show(ctx, clusterctl, "describe", "cluster", t.Cluster, "--kubeconfig", t.Paths.Kubeconfig(),
		"--namespace", t.Namespace, "--show-conditions", "all")
}

func (t Tour) nodes(ctx context.Context) error { return t.kubectl(ctx, "get", "nodes", "-o", "wide") }

// runPod starts a pod, waits for it and shows its log, which comes through konnectivity.
func (t Tour) runPod(ctx context.Context) error {
	manifest := strings.ReplaceAll(hello, "{image}", HelloImage)
	kubectl := []string{"--kubeconfig", t.Kubeconfig()}
	err := command.Feed(
		ctx,
		strings.NewReader(manifest),
		t.Paths.Kubernetes("kubectl"),
		append(kubectl, "apply", "-f", "-")...)
	if err != nil {
		return err
	}
	if err := t.kubectl(ctx, "wait", "pod/hello", "--for=condition=Ready", "--timeout=2m"); err != nil {
		return err
	}
	return retry(ctx, time.Minute, func(ctx context.Context) error {
		err := t.kubectl(ctx, "logs", "pod/hello")
		if err != nil {
			fmt.Fprintln(t.Out, "no log yet: the kubelet may still wait for its serving certificate")
		}
		return err
	})
}

// pods shows all pods of the workload cluster and fails while one of them does not run.
func (t Tour) pods(ctx context.Context) error {
	err := retry(ctx, 2*time.Minute, func(ctx context.Context) error {
		all, err := command.Output(ctx, t.Paths.Kubernetes("kubectl"), "--kubeconfig", t.Kubeconfig(), "get", "pods",
			"--all-namespaces", "-o", `jsonpath={range .items[*]}{.metadata.name}{" "}{.status.phase}`+
				`{" "}{.status.containerStatuses[*].ready}{"\n"}{end}`)
		if err != nil {
			return err
		}
		return notRunning(all)
	})
	return errors.Join(t.kubectl(ctx, "get", "pods", "--all-namespaces", "-o", "wide"), err)
}

// notRunning names the pods that are not running with all containers ready.
func notRunning(list string) error {
	var bad []string
	for line := range strings.Lines(list) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[1] != "Running" || strings.Contains(line, "false") {
			bad = append(bad, strings.Join(fields, " "))
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("pods that do not run: %s", strings.Join(bad, ", "))
	}
	return nil
}

func retry(ctx context.Context, most time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(2 * time.Second):
		}
	}
}

func (t Tour) kubectl(ctx context.Context, args ...string) error {
	return t.show(ctx, t.Paths.Kubernetes("kubectl"), append([]string{"--kubeconfig", t.Kubeconfig()}, args...)...)
}

// show prints a command as the person would type it, and its output.
func (t Tour) show(ctx context.Context, name string, args ...string) error {
	fmt.Fprintf(t.Out, "\n$ %s %s\n", filepath.Base(name), strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = t.Out, t.Out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running %s: %w", cmd, err)
	}
	return nil
}
