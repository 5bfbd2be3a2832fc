// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package outages

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/framework"
	"github.com/k0smotron/k0smotron/e2e/lab/download"
)

// A machine joins although its downloads fail and its power is cut in every step of the bootstrap script.
func TestPowerCuts(t *testing.T) {
	const name = "powercuts"
	disturb(t, download.Faults{FailNext: 2, BytesPerSecond: 20 << 20})
	cluster := lab.Create(t, name)
	machine := bootstrapping(t, cluster)
	before := authorities(t, name)
	require.Len(t, before, 4)

	// The first two downloads fail, the third is slow.
	for _, moment := range []struct {
		says  string
		times int
	}{{"downloading", 3}, {"install: begins", 1}, {"join: begins", 1}} {
		waitForLog(t, machine, moment.says, moment.times)
		require.NoError(t, lab.Agent.PowerCut(t.Context(), machine))
		assert.LessOrEqual(t, len(tokens(t, name)), 1, "one config, one token")
		require.NoError(t, lab.Agent.Start(t.Context(), machine))
	}

	cluster.Works(t, 5*time.Minute)
	assertNoToken(t, name)
	assert.Equal(
		t,
		[]string{machine},
		strings.Fields(workload(t, name, "get", "nodes", "-o", "jsonpath={.items[*].metadata.name}")),
	)
	assert.Equal(t, before, authorities(t, name))

	cluster.Delete(t)
	cluster.NothingLeft(t)
}

// A k0s that is not the one whose checksum was given is never run, and the cluster can be deleted all the same.
func TestWrongChecksum(t *testing.T) {
	const name = "wrongsum"
	wrong := strings.Repeat("bad0", 16)
	cluster := lab.Create(t, name, func(manifests string) string {
		return regexp.MustCompile(`sha256: "[0-9a-f]{64}"`).ReplaceAllString(manifests, `sha256: "`+wrong+`"`)
	})
	machine := bootstrapping(t, cluster)
	waitForLog(t, machine, "expected is "+wrong, 2)
	assert.NoFileExists(t, inMachine(machine, "usr/local/bin/k0s"))
	assert.NoFileExists(t, inMachine(machine, "etc/systemd/system/k0sworker.service"))

	cluster.Delete(t)
	cluster.NothingLeft(t)
}

func disturb(t *testing.T, faults download.Faults) {
	t.Helper()
	require.NoError(t, lab.Agent.SetFaults(t.Context(), faults))
	t.Cleanup(func() {
		require.NoError(t, lab.Agent.SetFaults(context.WithoutCancel(t.Context()), download.Faults{}))
	})
}

// bootstrapping waits until the one machine of a cluster has begun to turn itself into a node, and returns its name.
func bootstrapping(t *testing.T, cluster framework.Cluster) string {
	t.Helper()
	var name string
	framework.Eventually(t, 4*time.Minute, func() error {
		machines := cluster.List(t, "Machine")
		if len(machines) != 1 {
			return fmt.Errorf("there are %d machines", len(machines))
		}
		name = machines[0].GetName()
		_, err := os.Stat(logOf(name))
		return err
	})
	return name
}

func waitForLog(t *testing.T, machine, text string, times int) {
	t.Helper()
	framework.Eventually(t, 3*time.Minute, func() error {
		content, err := os.ReadFile(logOf(machine))
		if found := strings.Count(string(content), text); err == nil && found < times {
			return fmt.Errorf("%q is %d times in the log of %s, not %d:\n%s", text, found, machine, times, content)
		}
		return err
	})
}

func logOf(machine string) string { return inMachine(machine, "var/log/k0smotron-bootstrap.log") }

// inMachine is where the host keeps what a machine wrote to its disk.
func inMachine(machine, path string) string {
	return filepath.Join(lab.Paths.State, "machines", machine, "upper", path)
}
