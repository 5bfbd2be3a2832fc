// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package machines

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/framework"
	"github.com/k0smotron/k0smotron/e2e/lab/download"
	"github.com/k0smotron/k0smotron/e2e/lab/k0s"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// requestPatience is how long a condition may take to follow what is so already.
const requestPatience = time.Minute

// A control plane grows and shrinks while a client writes all the time. What was acknowledged stays.
func TestScale(t *testing.T) {
	framework.NeedsK0s(t)
	timed(t)
	cluster := lab.CreateOnMachines(t, "scale")
	cluster.Works(t, fromNothing(1))
	for _, to := range []int{3, 5, 3, 1} {
		t.Run(fmt.Sprintf("To%d", to), func(t *testing.T) {
			timed(t)
			from := len(cluster.ControllerNames(t))
			writer := cluster.Writes(t)
			cluster.Scale(t, to)
			cluster.Stable(t, to, 12*time.Minute)
			// With fewer than three members the one that goes, or its leader, is all there is; with five it is printed.
			if longest := writer.Stop(t); from == 3 && to == 5 {
				assert.LessOrEqual(t, longest, tolerable, "nothing could be written")
			}
		})
	}
	goesAway(t, cluster)
}

// Every controller is replaced by a new one while a client writes all the time, with either strategy.
func TestRollout(t *testing.T) {
	framework.NeedsK0s(t)
	timed(t)
	cluster := lab.CreateOnMachines(t, "roll", three(t))
	cluster.Works(t, fromNothing(3))
	cluster.Stable(t, 3, fromNothing(1))
	for _, strategy := range []struct {
		name, template string
		fewest, most   int
	}{{"Recreate", "roll-controllers-2", 3, 4}, {"RecreateDeleteFirst", "roll-controllers-3", 2, 3}} {
		t.Run(strategy.name, func(t *testing.T) {
			timed(t)
			before := cluster.ControllerNames(t)
			writer := cluster.Writes(t)
			cluster.Change(t, `{"spec":{"updateStrategy":"`+strategy.name+`"}}`)
			cluster.Replaced(t, strategy.template)
			seen := replaced(t, cluster, before)
			longest := writer.Stop(t)
			assert.LessOrEqual(t, longest, tolerable, "nothing could be written")
			assert.GreaterOrEqual(t, slices.Min(seen), strategy.fewest, "Machines at the same time")
			assert.LessOrEqual(t, slices.Max(seen), strategy.most, "Machines at the same time")
		})
	}
	goesAway(t, cluster)
}

// replaced waits until none of the Machines of before is left and the control plane is at rest again, and returns how
// many Machines were seen at the same time.
func replaced(t *testing.T, cluster framework.Cluster, before []string) []int {
	t.Helper()
	seen := gone(t, cluster, before)
	cluster.Stable(t, len(before), 10*time.Minute)
	return seen
}

// gone waits until none of the Machines of before is left, and returns how many Machines were seen at the same time.
func gone(t *testing.T, cluster framework.Cluster, before []string) []int {
	t.Helper()
	var seen []int
	framework.Eventually(t, time.Duration(len(before))*10*time.Minute, func() error {
		now := cluster.ControllerNames(t)
		seen = append(seen, len(now))
		left := slices.DeleteFunc(slices.Clone(before), func(name string) bool { return !slices.Contains(now, name) })
		if len(left) > 0 {
			return fmt.Errorf("not replaced yet are Machines %v of %v", left, now)
		}
		return nil
	})
	return seen
}

// Every controller is replaced by one of another release while a client writes all the time.
func TestUpgrade(t *testing.T) {
	framework.NeedsK0s(t)
	next, found, err := k0s.Next(t.Context())
	require.NoError(t, err)
	if !found {
		t.Skipf("skipped: no second release of k0s, %s names none", k0s.NextVariable)
	}
	timed(t)
	cluster := lab.CreateOnMachines(t, "upgrade", three(t))
	cluster.Works(t, fromNothing(3))
	cluster.Stable(t, 3, fromNothing(1))
	before := cluster.ControllerNames(t)
	sum, err := download.Sum(next.Path)
	require.NoError(t, err)
	writer := cluster.Writes(t)
	cluster.Change(t, fmt.Sprintf(`{"spec":{"version":%q,"k0sConfigSpec":{"downloadOptions":{"checksums":[`+
		`{"arch":%q,"sha256":%q}]}}}}`, next.Version, layout.Arch(), sum))
	replaced(t, cluster, before)
	assert.LessOrEqual(t, writer.Stop(t), tolerable, "nothing could be written")
	assert.Equal(
		t,
		next.Version,
		lab.Kubectl(t, "get", "k0scontrolplane", cluster.Name, "-o", "jsonpath={.status.version}"),
	)
	goesAway(t, cluster)
}
