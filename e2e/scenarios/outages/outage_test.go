// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package outages

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/framework"
)

// Conditions tell of an outage at once, and of its end; only a long loss of contact makes Machines Unknown.
func TestOutage(t *testing.T) {
	const name = "outage"
	cluster := lab.Create(t, name)
	cluster.Works(t, 6*time.Minute)
	pod := name + "-controlplane-0"
	controlPlane := framework.Condition{Kind: "K0smotronControlPlane", Name: name, Type: "Available"}
	inCluster := framework.Condition{Kind: "Cluster", Name: name, Type: "ControlPlaneAvailable"}

	t.Run("PodKilled", func(t *testing.T) {
		lab.Kubectl(t, "delete", "pod", pod, "--grace-period=0", "--force")
		down := cluster.Becomes(t, controlPlane.With("False"), 15*time.Second)
		cluster.Becomes(t, inCluster.With("False"), 15*time.Second-down)
		cluster.Becomes(t, controlPlane.With("True"), 2*time.Minute)
		cluster.Becomes(t, inCluster.With("True"), 30*time.Second)
	})

	t.Run("PodKeptDown", func(t *testing.T) {
		machine := framework.Condition{Kind: "Machine", Name: cluster.Machine(t), Type: "NodeHealthy"}
		node := lab.Kubectl(t, "get", "pod", pod, "-o", "jsonpath={.spec.nodeName}")
		lab.Kubectl(t, "cordon", node)
		t.Cleanup(func() { lab.Kubectl(t, "uncordon", node) })
		lab.Kubectl(t, "delete", "pod", pod, "--grace-period=0", "--force")
		cluster.Becomes(t, controlPlane.With("False"), 15*time.Second)
		took := cluster.Becomes(t, machine.With("Unknown"), 7*time.Minute)
		require.Greater(t, took, 4*time.Minute, "a short loss of contact says nothing about a machine")

		lab.Kubectl(t, "uncordon", node)
		cluster.Becomes(t, controlPlane.With("True"), 3*time.Minute)
		cluster.Becomes(t, machine.With("True"), 3*time.Minute)
		cluster.Works(t, 3*time.Minute)
	})
}
