// SPDX-License-Identifier: Apache-2.0

package mgmt

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/process"
)

// pollInterval is how often something awaited is asked for.
const pollInterval = 250 * time.Millisecond

// Programs of this machine's lab.
func set(p layout.Paths) process.Set { return process.Set{PIDs: p.Run, Logs: p.Logs()} }

// Start starts the programs that do not run.
func Start(ctx context.Context, p layout.Paths, specs ...process.Spec) error {
	for _, spec := range specs {
		if _, err := set(p).Ensure(ctx, spec); err != nil {
			return err
		}
	}
	return nil
}

// WaitAPIServer waits until the API server says it is ready.
func WaitAPIServer(ctx context.Context, p layout.Paths) error {
	return wait(ctx, p, "kube-apiserver", func() error {
		_, err := Kubectl(ctx, p, "get", "--raw", "/readyz")
		return err
	})
}

// WaitContainerd waits until containerd answers.
func WaitContainerd(ctx context.Context, p layout.Paths) error {
	return wait(ctx, p, "containerd", func() error {
		if _, err := os.Stat(p.ContainerdSocket()); err != nil {
			return err
		}
		return command.Run(ctx, "ctr", "--address", p.ContainerdSocket(), "version")
	})
}

// WaitNode waits until the node is ready for pods: it says so, and default/default exists, without which no pod starts.
func WaitNode(ctx context.Context, p layout.Paths) error {
	return wait(ctx, p, "kubelet", func() error {
		output, err := Kubectl(ctx, p, "get", "node", layout.NodeName,
			"-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].message}`)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(output, "True") {
			return fmt.Errorf("node %s is not ready: %s", layout.NodeName, output)
		}
		_, err = Kubectl(ctx, p, "get", "serviceaccount", "-n", "default", "default")
		return err
	})
}

// WaitDeployment waits until a Deployment is available.
func WaitDeployment(ctx context.Context, p layout.Paths, namespace, name string) error {
	_, err := Kubectl(ctx, p, "rollout", "status", "deployment", "-n", namespace, name, "--timeout=3m")
	return err
}

// wait polls until ready stops failing, its program has died or two minutes are over. The error says what was the
// matter last and where to read on.
func wait(ctx context.Context, p layout.Paths, program string, ready func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		if _, running := set(p).PID(program); !running {
			return fmt.Errorf("waiting for %s: it has ended, see %s", program, set(p).LogFile(program))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s (log %s): %w", program, set(p).LogFile(program), err)
		case <-time.After(pollInterval):
		}
	}
}

// Kubectl runs kubectl as the administrator and returns its output.
func Kubectl(ctx context.Context, p layout.Paths, args ...string) (string, error) {
	return command.Output(ctx, p.Kubernetes("kubectl"), append([]string{"--kubeconfig=" + p.Kubeconfig()}, args...)...)
}

// Apply applies manifests by server-side apply.
func Apply(ctx context.Context, p layout.Paths, manifests string) error {
	return command.Feed(ctx, strings.NewReader(manifests), p.Kubernetes("kubectl"), "--kubeconfig="+p.Kubeconfig(),
		"apply", "--server-side", "--force-conflicts", "--field-manager=k0smotron-lab", "-f", "-")
}
