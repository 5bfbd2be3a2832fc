// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package scenarios

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/dist"
	"github.com/k0smotron/k0smotron/e2e/framework"
	"github.com/k0smotron/k0smotron/e2e/lab/command"
)

// clusterWide are the kinds of objects without a namespace that an installation makes.
const clusterWide = "crd,clusterrole,clusterrolebinding,mutatingwebhookconfiguration,validatingwebhookconfiguration,namespace"

// Each provider can be installed and removed without the other, by clusterctl; and both by Helm, which gives clusters
// that work just as well. All is taken away in between, CRDs included, so no cluster may exist meanwhile.
func TestInstall(t *testing.T) {
	if clusters := lab.Kubectl(t, "get", "clusters", "--all-namespaces", "-o", "name"); clusters != "" {
		t.Skipf("installing needs a lab without clusters, here are %s", strings.Fields(clusters))
	}
	t.Cleanup(func() { require.NoError(t, lab.Init(context.WithoutCancel(t.Context()))) })
	for _, provider := range dist.Providers() {
		clusterctlDelete(t, provider)
	}
	for _, provider := range dist.Providers() {
		t.Run(provider.Product, func(t *testing.T) { installAlone(t, provider) })
	}
	t.Run("helm", installByHelm)
}

// installAlone also names the type that is not wanted, as users on a first run must.
func installAlone(t *testing.T, provider dist.Provider) {
	t.Helper()
	unwanted := map[string]string{"BootstrapProvider": "--control-plane=-", "ControlPlaneProvider": "--bootstrap=-"}
	clusterctl(t, "init", flagOf(provider), unwanted[provider.Type], "--wait-providers", "--wait-provider-timeout=120")
	assertRuns(t, provider)
	for _, other := range dist.Providers() {
		if other.Product != provider.Product {
			assert.Empty(t, objectsOf(t, other), "%s comes alone", provider.Product)
		}
	}
	clusterctlDelete(t, provider)
}

func installByHelm(t *testing.T) {
	t.Helper()
	tool, err := command.Output(t.Context(), filepath.Join(lab.Paths.Repo, ".github", "tools", "build"), "tools", "helm")
	require.NoError(t, err)
	helm := func(arguments ...string) {
		arguments = append(arguments, "--kubeconfig="+lab.Paths.Kubeconfig())
		ctx := context.WithoutCancel(t.Context())
		require.NoError(t, command.Run(ctx, filepath.Join(strings.TrimSpace(tool), "helm"), arguments...))
	}
	for _, provider := range dist.Providers() {
		charts, err := filepath.Glob(filepath.Join(lab.Paths.Dist(), "charts", provider.Product+"-[0-9]*.tgz"))
		require.NoError(t, err)
		require.Len(t, charts, 1)
		helm("install", provider.Product, charts[0], "--namespace", provider.Product, "--create-namespace",
			"--wait", "--timeout=2m")
		t.Cleanup(func() {
			helm("uninstall", provider.Product, "--namespace", provider.Product, "--wait")
			label := "cluster.x-k8s.io/provider=" + provider.Label
			lab.Kubectl(t, "delete", "crd", "--selector", label, "--timeout=1m")
			lab.Kubectl(t, "delete", "namespace", provider.Product, "--timeout=1m")
			assert.Empty(t, objectsOf(t, provider))
		})
		assertRuns(t, provider)
	}
	cluster := lab.Create(t, "by-helm")
	cluster.Works(t, 5*time.Minute)
	require.NoError(t, cluster.Delete(t.Context()))
}

// assertRuns says that the provider's manager leads and its kinds are served.
func assertRuns(t *testing.T, provider dist.Provider) {
	t.Helper()
	lab.Kubectl(
		t,
		"rollout",
		"status",
		"deployment",
		"--namespace",
		provider.Product,
		provider.Product+"-controller-manager",
		"--timeout=2m",
	)
	crds := lab.Kubectl(t, "get", "crd", "--selector", "cluster.x-k8s.io/provider="+provider.Label, "-o",
		"jsonpath={.items[*].spec.names.plural}")
	require.NotEmpty(t, crds)
	for kind := range strings.FieldsSeq(crds) {
		lab.Kubectl(t, "get", kind, "--all-namespaces")
	}
	framework.Eventually(t, time.Minute, func() error {
		holder := lab.Kubectl(t, "get", "leases", "--namespace", provider.Product, "-o",
			"jsonpath={.items[*].spec.holderIdentity}")
		if holder == "" {
			return fmt.Errorf("no manager leads yet in %s", provider.Product)
		}
		return nil
	})
}

// objectsOf lists what of a provider is in the cluster, apart from what is in its namespace.
func objectsOf(t *testing.T, provider dist.Provider) []string {
	t.Helper()
	return strings.Fields(lab.Kubectl(t, "get", clusterWide, "--selector", "cluster.x-k8s.io/provider="+provider.Label,
		"-o", "name"))
}

// clusterctlDelete removes a provider with all it brought, which leaves nothing.
func clusterctlDelete(t *testing.T, provider dist.Provider) {
	t.Helper()
	clusterctl(t, "delete", flagOf(provider), "--include-crd", "--include-namespace")
	framework.Eventually(t, time.Minute, func() error {
		if left := objectsOf(t, provider); len(left) > 0 {
			return fmt.Errorf("still there: %s", strings.Join(left, " "))
		}
		return nil
	})
}

func clusterctl(t *testing.T, arguments ...string) {
	t.Helper()
	_, err := lab.Clusterctl(context.WithoutCancel(t.Context()), arguments...)
	require.NoError(t, err)
}

func flagOf(provider dist.Provider) string {
	if provider.Type == "BootstrapProvider" {
		return "--bootstrap=" + provider.Name
	}
	return "--control-plane=" + provider.Name
}
