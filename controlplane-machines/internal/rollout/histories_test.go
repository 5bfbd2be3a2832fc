// SPDX-License-Identifier: Apache-2.0

package rollout_test

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/rollout"
)

func (w *world) sawAction(action rollout.Action) {
	w.saw(string(action.Kind) + " " + action.Reason)
	if action.RecordsName() {
		w.saw("Create records a name")
	}
}

// number reads a number from the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text, set := os.LookupEnv(name)
	if !set {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, name)
	return n
}

// TestHistories plays random histories. HISTORIES sets their number; HISTORY plays the one with that seed and prints it.
func TestHistories(t *testing.T) {
	t.Parallel()
	if seed := number(t, "HISTORY", 0); seed != 0 {
		h := newHistory(seed)
		t.Logf("history %d:\n%s", seed, h.script(rollout.Decide))
		require.Empty(t, h.play(rollout.Decide, nil).violation)
		return
	}
	count := number(t, "HISTORIES", 100_000)
	if testing.Short() || raceDetector {
		count = min(count, 3_000)
	}
	seen, failed := playAll(count)
	t.Logf("%d histories of 30 to 69 steps, and then a still world. How many contained:\n%s", count, table(seen))
	if failed != 0 {
		h := newHistory(failed)
		t.Fatalf("history %d fails (HISTORY=%d plays it alone): %s\n%s", failed, failed,
			h.play(rollout.Decide, nil).violation, h.script(rollout.Decide))
	}
	for _, what := range expected() {
		assert.NotZero(t, seen[what], "no history contained: %s", what)
	}
}

// playAll plays the histories 1 to count on all processors. It returns what they contained, and the first that failed.
func playAll(count uint64) (map[string]int, uint64) {
	var next, failed atomic.Uint64
	var mutex sync.Mutex
	var wait sync.WaitGroup
	total := map[string]int{}
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			seen := map[string]int{}
			for seed := next.Add(1); seed <= count && failed.Load() == 0; seed = next.Add(1) {
				result := newHistory(seed).play(rollout.Decide, nil)
				for _, what := range result.seen {
					seen[what]++
				}
				if result.violation != "" {
					failed.CompareAndSwap(0, seed)
				}
			}
			mutex.Lock()
			defer mutex.Unlock()
			for what, n := range seen {
				total[what] += n
			}
		})
	}
	wait.Wait()
	return total, failed.Load()
}

// expected is what must have been tried: every fault, every action, every reason to wait.
func expected() []string {
	list := []string{
		"crash",
		"stale read",
		"learner",
		"died while joining",
		"lost machine",
		"stray member",
		"replicas",
		"version",
		"template",
		"revert",
		"strategy",
		"mark",
		"deletion",
		"lose",
		"freeze",
		"return",
		"contact",
		"certificates",
		"endpoint",
		"by hand",
		"tear out",
		"forget",
		"lose status",
		"converged",
		"Create records a name",
		"Create Initializing",
		"Create ScalingUp",
		"Create RollingOut",
		"Delete ScalingDown",
		"Delete RollingOut",
		"Delete HalfMade",
		"Delete JoinTimedOut",
		"Delete NotStarted",
		"Delete StrayMember",
		"Delete Deleting",
		"Nothing AsWanted",
		"Nothing DeletionCompleted",
	}
	for _, reason := range rollout.WaitReasons() {
		list = append(list, "Wait "+reason)
	}
	return list
}

func table(seen map[string]int) string {
	var out strings.Builder
	for _, what := range slices.Sorted(maps.Keys(seen)) {
		fmt.Fprintf(&out, "%8d  %s\n", seen[what], what)
	}
	return out.String()
}
