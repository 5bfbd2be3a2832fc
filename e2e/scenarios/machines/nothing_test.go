// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package machines

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/k0smotron/k0smotron/e2e/demo/tour"
	"github.com/k0smotron/k0smotron/e2e/framework"
)

// A cluster with one controller comes from nothing, behind its load balancer, and a pod runs on its worker.
func TestOneController(t *testing.T) {
	timed(t)
	cluster := lab.CreateOnMachines(t, "single")
	comesUp(t, cluster, 1)
	assertEndpoint(t, cluster)
	assertNoNode(t, cluster)
	goesAway(t, cluster)
}

// The same with a kubelet on the controller: then it has a Node.
func TestOneControllerWithKubelet(t *testing.T) {
	framework.NeedsK0s(t)
	timed(t)
	cluster := lab.CreateOnMachines(t, "kubelet", withKubelet(t))
	comesUp(t, cluster, 1)
	nodes := framework.Condition{Kind: "Machine", Name: cluster.ControllerNames(t)[0], Type: "NodeReady", Status: "True"}
	cluster.Becomes(t, nodes, fromNothing(1))
	cluster.Replaced(t, "kubelet-controllers-2")
	cluster.Stable(t, 1, fromNothing(2))
	goesAway(t, cluster)
}

// Three controllers come from nothing, one after the other.
func TestThreeControllers(t *testing.T) {
	framework.NeedsK0s(t)
	timed(t)
	cluster := lab.CreateOnMachines(t, "triple", three(t))
	comesUp(t, cluster, 3)
	assert.ElementsMatch(t, []string{"a", "b", "c"}, failureDomains(t, cluster), "each in a domain of its own")
	goesAway(t, cluster)
}

// Three controllers with kubelets come from nothing, are replaced and go.
func TestThreeControllersWithKubelets(t *testing.T) {
	framework.NeedsK0s(t)
	timed(t)
	cluster := lab.CreateOnMachines(t, "kubelets", three(t), withKubelet(t))
	comesUp(t, cluster, 3)
	before := cluster.ControllerNames(t)
	cluster.Replaced(t, "kubelets-controllers-2")
	replaced(t, cluster, before)
	goesAway(t, cluster)
}

// comesUp waits until a cluster works, and takes a person's tour through it.
func comesUp(t *testing.T, cluster framework.Cluster, controllers int) {
	t.Helper()
	cluster.Works(t, fromNothing(controllers))
	cluster.Stable(t, controllers, fromNothing(1))
	require.NoError(t, tour.Tour{
		Paths: lab.Paths, Out: os.Stdout, Cluster: cluster.Name, Namespace: framework.Namespace,
	}.Run(t.Context()))
}

func goesAway(t *testing.T, cluster framework.Cluster) {
	t.Helper()
	cluster.Delete(t)
	cluster.NothingLeft(t)
}

// assertEndpoint checks that the cluster is reached through the address of its load balancer alone.
func assertEndpoint(t *testing.T, cluster framework.Cluster) {
	t.Helper()
	host := lab.Kubectl(t, "get", "labcluster", cluster.Name, "-o", "jsonpath={.spec.controlPlaneEndpoint.host}")
	assert.True(t, strings.HasPrefix(host, "10.211.0.1"), "%s is an address of load balancers", host)
	assert.Equal(t, host+" 6443", lab.Kubectl(t, "get", "cluster", cluster.Name, "-o",
		"jsonpath={.spec.controlPlaneEndpoint.host} {.spec.controlPlaneEndpoint.port}"))
	states, err := lab.Agent.ListBalancers(t.Context())
	require.NoError(t, err)
	up := 0
	for _, state := range states {
		for _, backend := range state.Backends {
			if state.Address.String() == host && backend.Up {
				up++
			}
		}
	}
	assert.Equal(t, 2, up, "ports of the controller that the load balancer reaches: %v", states)
}

// assertNoNode checks that a controller without a kubelet is healthy although it has no Node.
func assertNoNode(t *testing.T, cluster framework.Cluster) {
	t.Helper()
	for _, controller := range cluster.Controllers(t) {
		node, _, err := unstructured.NestedString(controller.Object, "status", "nodeRef", "name")
		require.NoError(t, err)
		assert.Empty(t, node)
		for _, kind := range []string{"APIServerHealthy", "EtcdMemberHealthy", "K0sControllerHealthy"} {
			condition := framework.Condition{Kind: "Machine", Name: controller.GetName(), Type: kind}
			cluster.Becomes(t, condition.With("True"), requestPatience)
		}
	}
}

func failureDomains(t *testing.T, cluster framework.Cluster) []string {
	t.Helper()
	var domains []string
	for _, controller := range cluster.Controllers(t) {
		domain, _, err := unstructured.NestedString(controller.Object, "spec", "failureDomain")
		require.NoError(t, err)
		domains = append(domains, domain)
	}
	return domains
}
