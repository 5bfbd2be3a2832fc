// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package install

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
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

const providerLabel = "cluster.x-k8s.io/provider="

// Each provider can be installed and removed without the others, by clusterctl; and all by Helm, which gives clusters
// that work just as well. Each time all is taken away before, Cluster API included, so that it is a first run. That all
// are installed side by side by clusterctl is what the lab begins with, and ends with.
func TestInstall(t *testing.T) {
	clusters := strings.TrimSpace(lab.Kubectl(t, "get", "clusters.cluster.x-k8s.io", "--all-namespaces", "--no-headers"))
	require.Empty(t, clusters, "providers are removed here, so delete these clusters, which no scenario made, "+
		"or begin with `make demo-clean`")
	t.Cleanup(func() { putBack(t) })

	for _, provider := range dist.Providers() {
		t.Run(provider.Product, func(t *testing.T) { installAlone(t, provider) })
	}
	t.Run("helm", installByHelm)
}

// putBack gives later scenarios the lab that they know: all providers, installed by clusterctl.
func putBack(t *testing.T) {
	t.Helper()
	require.NoError(t, lab.Init(context.WithoutCancel(t.Context())))
	for _, provider := range dist.Providers() {
		assertRuns(t, provider)
	}
}

// installAlone also names the type that is not wanted, as users on a first run must: else clusterctl adds kubeadm's.
func installAlone(t *testing.T, provider dist.Provider) {
	t.Helper()
	removeAll(t)
	clusterctlInit(t, provider)
	assertRuns(t, provider)
	assertInstalled(t, "cluster-api", "infrastructure-lab", provider.Label)
	for _, other := range dist.Providers() {
		if other.Product != provider.Product {
			assert.Empty(t, objectsOf(t, other.Label, clusterWide), "%s comes alone", provider.Product)
		}
	}

	remove(t, provider.Label, flagOf(provider, provider.Name), "--include-crd")
	assertGone(t, provider.Label, clusterWide)
	assertInstalled(t, "cluster-api", "infrastructure-lab")
}

func installByHelm(t *testing.T) {
	removeAll(t)
	providers := dist.Providers()
	// One of them finds the CRDs that clusterctl has left, and takes them over; the others have none.
	moved := providers[len(providers)-1]
	clusterctlInit(t, moved)
	remove(t, moved.Label, flagOf(moved, moved.Name))
	require.NotEmpty(t, objectsOf(t, moved.Label, "crd"), "clusterctl keeps CRDs unless it is told not to")

	for _, provider := range providers {
		helmInstall(t, provider, provider.Product == moved.Product)
		assertRuns(t, provider)
	}
	cluster := lab.Create(t, "by-helm")
	cluster.Works(t, 6*time.Minute)
	cluster.Delete(t)
}

// helmInstall installs a chart of dist/, and removes it when the test ends.
func helmInstall(t *testing.T, provider dist.Provider, takesOver bool) {
	t.Helper()
	manifests, err := dist.Render(lab.Paths.Repo, provider)
	require.NoError(t, err)
	chart := dist.Layout{Out: lab.Paths.Dist()}.Chart(provider, manifests.Version)
	require.FileExists(t, chart, "`make dist` writes it")
	arguments := []string{
		"install", provider.Product, chart, "--namespace", provider.Product, "--create-namespace", "--wait", "--timeout=3m",
	}
	if takesOver {
		arguments = append(arguments, "--take-ownership")
	}
	t.Cleanup(func() { helmUninstall(t, provider) })
	helm(t, arguments...)
}

// helmUninstall removes a provider, and then the CRDs, which Helm must have left, and its namespace.
func helmUninstall(t *testing.T, provider dist.Provider) {
	t.Helper()
	helm(t, "uninstall", provider.Product, "--namespace", provider.Product, "--ignore-not-found", "--wait", "--timeout=2m")
	assert.NotEmpty(t, objectsOf(t, provider.Label, "crd"), "without its CRDs every cluster would be gone")
	lab.Kubectl(t, "delete", "crd", "--selector", providerLabel+provider.Label, "--timeout=1m")
	lab.Kubectl(t, "delete", "namespace", provider.Product, "--ignore-not-found", "--timeout=2m")
	assert.Empty(t, objectsOf(t, provider.Label, clusterWide), "%s after helm uninstall", provider.Product)
}

// helm runs the pinned helm, with files of its own.
func helm(t *testing.T, arguments ...string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	tools, err := command.Output(ctx, filepath.Join(lab.Paths.Repo, ".github", "tools", "build"), "tools", "helm")
	require.NoError(t, err)
	home := filepath.Join(lab.Paths.State, "helm")
	arguments = append([]string{
		"HELM_CACHE_HOME=" + home, "HELM_CONFIG_HOME=" + home, "HELM_DATA_HOME=" + home,
		filepath.Join(strings.TrimSpace(tools), "helm"), "--kubeconfig=" + lab.Paths.Kubeconfig(),
	}, arguments...)
	require.NoError(t, command.Run(ctx, "env", arguments...))
}

// removeAll leaves a management cluster on which clusterctl has a first run. Cluster API goes last: without it clusterctl
// deletes nothing any more.
func removeAll(t *testing.T) {
	t.Helper()
	for _, provider := range dist.Providers() {
		remove(t, provider.Label, flagOf(provider, provider.Name), "--include-crd")
		assertGone(t, provider.Label, clusterWide)
	}
	for _, other := range []struct{ label, flag string }{
		{"infrastructure-lab", "--infrastructure=lab"}, {"cluster-api", "--core=cluster-api"},
	} {
		remove(t, other.label, other.flag, "--include-crd")
		// clusterctl leaves the roles of others, whose names do not begin with their namespace.
		assertGone(t, other.label, "crd,namespace")
	}
	assertInstalled(t)
}

// remove has clusterctl delete a provider, if it is installed, with its namespace. clusterctl lists every kind that the API
// server has told of, and fails where one vanishes meanwhile; so it gets one provider at a time and is asked again.
func remove(t *testing.T, label, flag string, arguments ...string) {
	t.Helper()
	arguments = append([]string{"delete", flag, "--include-namespace"}, arguments...)
	framework.Eventually(t, 3*time.Minute, func() error {
		if !slices.Contains(recorded(t), label) {
			return nil
		}
		_, err := lab.Clusterctl(context.WithoutCancel(t.Context()), arguments...)
		return err
	})
	assertGone(t, label, "namespace")
}

// clusterctlInit installs one of our providers on a management cluster that has none.
func clusterctlInit(t *testing.T, provider dist.Provider) {
	t.Helper()
	arguments := []string{
		"init",
		"--core=cluster-api",
		"--infrastructure=lab",
		"--wait-providers",
		"--wait-provider-timeout=180",
	}
	for _, each := range dist.Providers() {
		name := "-"
		if each.Product == provider.Product {
			name = provider.Name
		}
		arguments = append(arguments, flagOf(each, name))
	}
	_, err := lab.Clusterctl(context.WithoutCancel(t.Context()), arguments...)
	require.NoError(t, err)
}

// assertRuns says that the provider's manager leads and its kinds are served.
func assertRuns(t *testing.T, provider dist.Provider) {
	t.Helper()
	lab.ManagerLeads(t, provider.Product)
	crds := lab.Kubectl(
		t,
		"get",
		"crd",
		"--selector",
		providerLabel+provider.Label,
		"-o",
		"jsonpath={.items[*].metadata.name}",
	)
	require.NotEmpty(t, crds, "CRDs of %s", provider.Label)
	for kind := range strings.FieldsSeq(crds) {
		lab.Kubectl(t, "get", kind, "--all-namespaces")
	}
}

// assertInstalled says which providers clusterctl has recorded, by their labels.
func assertInstalled(t *testing.T, labels ...string) {
	t.Helper()
	slices.Sort(labels)
	assert.Equal(t, strings.Join(labels, " "), strings.Join(recorded(t), " "), "providers in clusterctl's inventory")
}

// recorded is clusterctl's inventory: the labels of all providers, sorted.
func recorded(t *testing.T) []string {
	t.Helper()
	labels := strings.Fields(lab.Kubectl(t, "get", "providers.clusterctl.cluster.x-k8s.io", "--all-namespaces", "-o",
		"jsonpath={.items[*].metadata.name}"))
	slices.Sort(labels)
	return labels
}

// assertGone waits until nothing of some kinds is left of a provider.
func assertGone(t *testing.T, label, kinds string) {
	t.Helper()
	framework.Eventually(t, 2*time.Minute, func() error {
		if left := objectsOf(t, label, kinds); len(left) > 0 {
			return fmt.Errorf("still there: %s", strings.Join(left, " "))
		}
		return nil
	})
}

// objectsOf lists what of a provider is in the cluster, outside of its namespace.
func objectsOf(t *testing.T, label, kinds string) []string {
	t.Helper()
	return strings.Fields(lab.Kubectl(t, "get", kinds, "--selector", providerLabel+label, "-o", "name"))
}

// flagOf is the flag of clusterctl for the type of a provider.
func flagOf(provider dist.Provider, value string) string {
	if provider.Type == "BootstrapProvider" {
		return "--bootstrap=" + value
	}
	return "--control-plane=" + value
}
