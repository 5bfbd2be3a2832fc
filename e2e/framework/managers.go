// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/mgmt"
)

// Managers are the namespaces of our managers; each has the name of its provider.
const (
	BootstrapManager    = "k0smotron-bootstrap"
	ControlPlaneManager = "k0smotron-controlplane-incluster"
	MachinesManager     = "k0smotron-controlplane-machines"
)

const (
	// namespaceFile is where a pod finds the namespace of its ServiceAccount.
	namespaceFile = "root/var/run/secrets/kubernetes.io/serviceaccount/namespace"
	// managerPods selects the pods of a manager in its namespace.
	managerPods = "control-plane=controller-manager"
	// argumentsAnnotation keeps the arguments of a manager while a scenario has changed them.
	argumentsAnnotation = "lab.k0smotron.io/arguments"
	// patience is how long a manager may take to start and to take over the lease of one that was killed.
	patience = 3 * time.Minute
)

// deployment is the name of a manager's Deployment.
func deployment(manager string) string { return manager + "-controller-manager" }

// installed are those of our managers that the lab has.
func (l *Lab) installed(ctx context.Context) ([]string, error) {
	namespaces, err := l.kubectl(ctx, "get", "namespaces", "-o", "jsonpath={.items[*].metadata.name}")
	if err != nil {
		return nil, err
	}
	found := []string{BootstrapManager, ControlPlaneManager, MachinesManager}
	return slices.DeleteFunc(found, func(manager string) bool {
		return !slices.Contains(strings.Fields(namespaces), manager)
	}), nil
}

// KillManager ends the processes of a manager the way a machine that fails does, with SIGKILL. The kubelet starts its
// container again, each time after a longer pause.
func KillManager(t *testing.T, manager string) {
	t.Helper()
	Eventually(t, patience, func() error {
		processes, err := processesOf(manager)
		if err != nil {
			return err
		}
		if len(processes) == 0 {
			return fmt.Errorf("no process of %s runs", manager)
		}
		for _, pid := range processes {
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		}
		t.Logf("killed %s", manager)
		return nil
	})
}

func processesOf(namespace string) ([]int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/" + namespaceFile)
	if err != nil {
		return nil, err
	}
	var processes []int
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil || strings.TrimSpace(string(content)) != namespace {
			continue // Another pod, or a process that has just ended.
		}
		pid, err := strconv.Atoi(strings.Split(file, "/")[2])
		if err != nil {
			return nil, err
		}
		processes = append(processes, pid)
	}
	return processes, nil
}

// ReplaceManager gives a manager a new pod, whose container has not died yet: the kubelet starts it at once.
func (l *Lab) ReplaceManager(t *testing.T, manager string) {
	t.Helper()
	l.Kubectl(t, "delete", "pods", "--namespace", manager, "--selector", managerPods, "--timeout=2m")
	l.ManagerLeads(t, manager)
}

// ManagerLeads waits until a manager is rolled out and leads, and returns the name of its pod.
func (l *Lab) ManagerLeads(t *testing.T, manager string) string {
	t.Helper()
	l.Kubectl(t, "rollout", "status", "deployment", "--namespace", manager, deployment(manager), "--timeout=3m")
	var pod string
	Eventually(t, patience, func() error {
		pods := strings.Fields(l.Kubectl(t, "get", "pods", "--namespace", manager, "--selector", managerPods,
			"-o", "jsonpath={.items[*].metadata.name}"))
		holder := l.Kubectl(t, "get", "leases", "--namespace", manager, "-o", "jsonpath={.items[*].spec.holderIdentity}")
		if len(pods) != 1 || !strings.HasPrefix(holder, pods[0]+"_") {
			return fmt.Errorf("pods of %s are %v, its lease is held by %q", manager, pods, holder)
		}
		pod = pods[0]
		return nil
	})
	return pod
}

// ChangeManager starts a manager with more arguments, until the test ends, and waits until it has looked at every object.
func (l *Lab) ChangeManager(t *testing.T, manager string, arguments ...string) {
	t.Helper()
	const path = `jsonpath={.spec.template.spec.containers[?(@.name=="manager")].args}`
	var before []string
	recorded := l.Kubectl(t, "get", "deployment", "--namespace", manager, deployment(manager), "-o", path)
	require.NoError(t, json.Unmarshal([]byte(recorded), &before), recorded)
	t.Cleanup(func() {
		if t.Failed() { // The log goes with the pod.
			l.managerLogs(t)
		}
		if assert.NoError(t, l.restoreManager(context.WithoutCancel(t.Context()), manager)) {
			l.ManagerLeads(t, manager)
		}
	})
	// Metrics tell what it has looked at; without TLS the API server fetches them for us.
	after := slices.Concat(before, []string{"--insecure-diagnostics=true"}, arguments)
	require.NoError(t, l.setArguments(t.Context(), manager, after, recorded))
	pod := l.ManagerLeads(t, manager)
	Eventually(t, patience, func() error {
		metrics, err := l.kubectl(t.Context(), "get", "--raw",
			"/api/v1/namespaces/"+manager+"/pods/http:"+pod+":8443/proxy/metrics")
		if err != nil {
			return err
		}
		log, err := l.kubectl(t.Context(), "logs", "--namespace", manager, pod, "--container=manager")
		if err != nil {
			return err
		}
		return reconciled(metrics, log)
	})
}

// restoreManager gives a manager its own arguments back, if a scenario has changed them.
func (l *Lab) restoreManager(ctx context.Context, manager string) error {
	recorded, err := l.kubectl(ctx, "get", "deployment", "--namespace", manager, deployment(manager), "-o",
		"jsonpath={.metadata.annotations."+strings.ReplaceAll(argumentsAnnotation, ".", `\.`)+"}")
	if err != nil || recorded == "" {
		return err
	}
	var arguments []string
	if err := json.Unmarshal([]byte(recorded), &arguments); err != nil {
		return fmt.Errorf("reading the arguments of %s: %w", manager, err)
	}
	if err := l.setArguments(ctx, manager, arguments, nil); err != nil {
		return err
	}
	return mgmt.WaitDeployment(ctx, l.Paths, manager, deployment(manager))
}

// setArguments changes the arguments of a manager and the annotation that remembers its own; nil removes that.
func (l *Lab) setArguments(ctx context.Context, manager string, arguments []string, remembered any) error {
	container := map[string]any{"name": "manager", "args": arguments}
	template := map[string]any{"spec": map[string]any{"containers": []any{container}}}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{argumentsAnnotation: remembered}},
		"spec":     map[string]any{"template": template},
	})
	if err != nil {
		return fmt.Errorf("changing %s: %w", manager, err)
	}
	_, err = l.kubectl(ctx, "patch", "deployment", "--namespace", manager, deployment(manager),
		"--type=strategic", "--patch", string(patch))
	return err
}
