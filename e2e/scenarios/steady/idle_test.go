// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package steady

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/audit"
	"github.com/k0smotron/k0smotron/e2e/framework"
)

// idleFor is how long a settled cluster is watched; IDLE_FOR shortens it for a quick look.
func idleFor(t *testing.T) time.Duration {
	t.Helper()
	if text := os.Getenv("IDLE_FOR"); text != "" {
		short, err := time.ParseDuration(text)
		require.NoError(t, err)
		return short
	}
	return 10 * time.Minute
}

// clusterKinds are those of which a cluster has objects, so that none is left out by mistake.
var clusterKinds = []string{
	"clusters.cluster.x-k8s.io",
	"controllerrevisions.apps",
	"endpointslices.discovery.k8s.io",
	"k0smotroncontrolplanes.controlplane.cluster.x-k8s.io",
	"k0sworkerconfigs.bootstrap.cluster.x-k8s.io",
	"k0sworkerconfigtemplates.bootstrap.cluster.x-k8s.io",
	"labclusters.infrastructure.cluster.x-k8s.io",
	"labmachines.infrastructure.cluster.x-k8s.io",
	"labmachinetemplates.infrastructure.cluster.x-k8s.io",
	"machinedeployments.cluster.x-k8s.io",
	"machines.cluster.x-k8s.io",
	"machinesets.cluster.x-k8s.io",
	"persistentvolumeclaims.",
	"poddisruptionbudgets.policy",
	"pods.",
	"secrets.",
	"services.",
	"statefulsets.apps",
}

// A cluster that is as it should be costs nothing: our managers only watch and keep their leases.
func TestIdle(t *testing.T) {
	const name = "idle"
	cluster := lab.Create(t, name)
	cluster.Works(t, 6*time.Minute)

	before := lab.Settled(t, time.Minute, 5*time.Minute).Of(name)
	require.Subset(t, before.Kinds(), clusterKinds, "kinds of which the cluster has objects")
	from := time.Now()
	time.Sleep(idleFor(t))
	window := audit.Window{From: from, To: time.Now()}
	after := lab.Objects(t).Of(name)

	assert.Empty(t, framework.Written(before.Versions(), after.Versions()), "objects that were written")
	requests, err := audit.File(lab.Paths.AuditLog(), window)
	require.NoError(t, err)
	for _, manager := range []string{framework.BootstrapManager, framework.ControlPlaneManager} {
		own := audit.Of(manager, requests)
		require.NotEmpty(t, own, "%s does not even renew its lease", manager)
		t.Logf("%s: %d requests in %s: %v", manager, len(own), window.To.Sub(window.From), audit.Count(own))
		assert.Empty(t, audit.Unexpected(own), "requests of %s", manager)
	}
}
