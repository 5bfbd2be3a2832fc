// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package install

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/framework"
	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

var lab *framework.Lab

func TestMain(m *testing.M) {
	var err error
	if lab, err = framework.Start(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "install:", err)
		os.Exit(1)
	}
	code := m.Run()
	// Whatever these tests left, the lab is as the others want it.
	if err := lab.Init(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "install:", err)
		code = 1
	}
	os.Exit(code)
}

// Each provider works without the other. clusterctl adds kubeadm's for a type that is not mentioned on a first run, so
// the type that is not wanted is named -.
func TestEachAlone(t *testing.T) {
	for name, test := range map[string]struct {
		arguments []string
		runs      string
	}{
		"Bootstrap":    {[]string{"--bootstrap=k0smotron", "--control-plane=-"}, framework.BootstrapManager},
		"ControlPlane": {[]string{"--bootstrap=-", "--control-plane=k0smotron"}, framework.ControlPlaneManager},
	} {
		t.Run(name, func(t *testing.T) {
			removeAll(t)
			clusterctl(t, append([]string{"init", "--wait-providers", "--core=cluster-api"}, test.arguments...)...)
			assert.ElementsMatch(t, []string{"capi-system", test.runs}, managers(t))
			removeAll(t)
			assert.Empty(t, managers(t))
		})
	}
}

// What Helm installs makes a cluster as well as what clusterctl installs.
func TestHelm(t *testing.T) {
	removeAll(t)
	clusterctl(
		t,
		"init",
		"--wait-providers",
		"--core=cluster-api",
		"--bootstrap=-",
		"--control-plane=-",
		"--infrastructure=lab",
	)
	t.Cleanup(func() { removeAll(t) })
	for _, release := range []string{framework.BootstrapManager, framework.ControlPlaneManager} {
		charts, err := filepath.Glob(filepath.Join(lab.Paths.Dist(), "charts", release+"-*.tgz"))
		require.NoError(t, err)
		require.Len(t, charts, 1)
		helm(t, "install", release, charts[0], "--namespace", release, "--create-namespace", "--wait", "--timeout=2m")
		t.Cleanup(func() { helm(t, "uninstall", release, "--namespace", release, "--wait") })
	}
	cluster := lab.Create(t, "helm")
	cluster.Works(t, 6*time.Minute)
}

// removeAll removes all providers with their kinds, so that the next init is a first one.
func removeAll(t *testing.T) {
	t.Helper()
	clusterctl(t, "delete", "--all", "--include-crd", "--include-namespace")
	framework.Eventually(t, 2*time.Minute, func() error {
		if left := managers(t); len(left) > 0 {
			return fmt.Errorf("managers still run: %v", left)
		}
		return nil
	})
}

// managers are the namespaces with a manager of Cluster API or of a provider.
func managers(t *testing.T) []string {
	t.Helper()
	namespaces := strings.Fields(
		lab.Kubectl(t, "get", "deployments", "--all-namespaces", "-l", "cluster.x-k8s.io/provider",
			"-o", "jsonpath={.items[*].metadata.namespace}"),
	)
	slices.Sort(namespaces)
	return namespaces
}

func clusterctl(t *testing.T, arguments ...string) {
	t.Helper()
	program := lab.Paths.Bin("capi", layout.ClusterAPIVersion, "clusterctl")
	arguments = append(arguments, "--config="+lab.Paths.ClusterctlConfig(), "--kubeconfig="+lab.Paths.Kubeconfig())
	run(t, "env", append([]string{"CLUSTERCTL_DISABLE_VERSIONCHECK=true", program}, arguments...)...)
}

func helm(t *testing.T, arguments ...string) {
	t.Helper()
	tools, err := command.Output(t.Context(), filepath.Join(lab.Paths.Repo, ".github", "tools", "build"), "tools", "helm")
	require.NoError(t, err)
	run(t, filepath.Join(strings.TrimSpace(tools), "helm"), append(arguments, "--kubeconfig="+lab.Paths.Kubeconfig())...)
}

func run(t *testing.T, name string, arguments ...string) {
	t.Helper()
	output, err := command.Output(context.WithoutCancel(t.Context()), name, arguments...)
	require.NoError(t, err)
	t.Logf("$ %s %s\n%s", name, strings.Join(arguments, " "), output)
}
