// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package scenarios

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

// A cluster that is as it should be costs nothing: our managers only watch and keep their leases.
func TestIdle(t *testing.T) {
	cluster := lab.Create(t, "idle")
	cluster.Works(t, 6*time.Minute)
	time.Sleep(time.Minute)

	before, err := lab.Versions(t.Context(), framework.Namespace)
	require.NoError(t, err)
	from := time.Now()
	time.Sleep(idleFor(t))
	window := audit.Window{From: from, To: time.Now()}
	after, err := lab.Versions(t.Context(), framework.Namespace)
	require.NoError(t, err)

	assert.Equal(t, before, after, "objects that were written")
	requests, err := audit.File(lab.Paths.AuditLog(), window)
	require.NoError(t, err)
	for _, manager := range []string{framework.BootstrapManager, framework.ControlPlaneManager} {
		own := audit.Of(manager, requests)
		require.NotEmpty(t, own, "%s does not even renew its lease", manager)
		assert.Empty(t, audit.Unexpected(own), "requests of %s", manager)
	}
}
