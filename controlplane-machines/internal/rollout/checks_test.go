// SPDX-License-Identifier: Apache-2.0

package rollout_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/rollout"
)

var update = flag.Bool("update", false, "rewrite the histories in the documentation")

const (
	// searched is how many histories may be played to find one that fails without a check.
	searched = 30_000
	// compared is how many that fail are compared, to show the shortest; shown is how many of its lines are.
	compared = 20
	shown    = 40
	// safetyPage is the page with the histories, and historiesMark where they begin in it.
	safetyPage    = "../../docs/safety.md"
	historiesMark = "<!-- TestEveryCheckMatters -update writes what follows. -->\n"
)

// TestEveryCheckMatters switches off every check of the chain in turn and looks for a history that fails without it. What
// it finds is shortened to what matters and kept in the documentation.
func TestEveryCheckMatters(t *testing.T) {
	t.Parallel()
	checks := rollout.Checks()
	found := make([]string, len(checks))
	var wait sync.WaitGroup
	for i, check := range checks {
		wait.Go(func() { found[i] = failingWithout(check) })
	}
	wait.Wait()
	page := historiesMark
	for i, check := range checks {
		if assert.NotEmpty(t, found[i], "no history of %d fails without the check %s", searched, check.Name) {
			page += found[i]
			t.Log(found[i])
		}
	}
	documented(t, page)
}

// failingWithout describes a check with a history that fails without it and does not with it.
func failingWithout(check rollout.Check) string {
	without := rollout.Checks().Without(check.Name)
	fails := func(h history) bool {
		return h.play(without.Decide, nil).violation != "" && h.play(rollout.Decide, nil).violation == ""
	}
	h, found := shortest(without, fails)
	if !found {
		return ""
	}
	lines := strings.Split(h.shorten(fails).script(without.Decide), "\n")
	return fmt.Sprintf("\n## %s\n\nWithout it, %s.\n\n```text\n%s\n```\n", check.Name, check.Prevents, excerpt(lines))
}

// shortest looks for some histories that fail, and takes the one that is told soonest.
func shortest(without rollout.Chain, fails func(history) bool) (history, bool) {
	var best history
	length := 0
	for seed, left := uint64(1), compared; seed <= searched && left > 0; seed++ {
		h := newHistory(seed)
		if h.play(without.Decide, nil).violation == "" || !fails(h) {
			continue
		}
		left--
		if lines := strings.Count(h.script(without.Decide), "\n"); length == 0 || lines < length {
			best, length = h, lines
		}
	}
	return best, length > 0
}

// excerpt leaves out the middle of what goes on for long.
func excerpt(lines []string) string {
	if len(lines) > shown {
		lines = slices.Concat(lines[:shown-5], []string{"      …"}, lines[len(lines)-5:])
	}
	return strings.Join(lines, "\n")
}

// shorten leaves out of a history whatever it fails without.
func (h history) shorten(fails func(history) bool) history {
	for size := len(h.steps) / 2; size > 0; size /= 2 {
		for from := 0; from+size <= len(h.steps); {
			shorter := h
			shorter.steps = slices.Delete(slices.Clone(h.steps), from, from+size)
			if fails(shorter) {
				h = shorter
			} else {
				from += size
			}
		}
	}
	return h.simplify(fails)
}

// simplify starts a history as plainly as it still fails.
func (h history) simplify(fails func(history) bool) history {
	for _, plainer := range []func(*history){
		func(h *history) { h.misery = 0 },
		func(h *history) { h.domains = nil },
		func(h *history) { h.storage = learners },
		func(h *history) { h.maxLearners = 5 },
		func(h *history) { h.members, h.replicas = 3, 3 },
		func(h *history) { h.members, h.replicas = 1, 1 },
	} {
		shorter := h
		plainer(&shorter)
		if fails(shorter) {
			h = shorter
		}
	}
	return h
}

// documented compares the histories of the page with those just found.
func documented(t *testing.T, histories string) {
	t.Helper()
	content, err := os.ReadFile(safetyPage)
	require.NoError(t, err)
	head, _, marked := strings.Cut(string(content), historiesMark)
	require.True(t, marked, "%s has no mark", safetyPage)
	if *update {
		require.NoError(t, os.WriteFile(safetyPage, []byte(head+histories), 0o600))
		return
	}
	assert.Equal(t, head+histories, string(content), "go test -run EveryCheckMatters -update rewrites the page")
}

// TestSafetyPageListsTheChain: the hand-written part has a row for every check, in order.
func TestSafetyPageListsTheChain(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(safetyPage)
	require.NoError(t, err)
	head, _, _ := strings.Cut(string(content), historiesMark)
	at := 0
	for _, check := range rollout.Checks() {
		row := strings.Index(head[at:], "| "+check.Name+" | "+check.Prevents+" | "+strings.Join(check.Waits, ", "))
		require.GreaterOrEqual(t, row, 0, "%s is not listed, or not in the order of the chain", check.Name)
		at += row
	}
}

func TestChecksAreNamed(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, check := range rollout.Checks() {
		assert.NotEmpty(t, check.Name)
		assert.NotEmpty(t, check.Prevents, check.Name)
		assert.False(t, names[check.Name], "%s twice", check.Name)
		names[check.Name] = true
		assert.Len(t, rollout.Checks().Without(check.Name), len(rollout.Checks())-1)
	}
	assert.Len(t, rollout.Checks().Without("NoSuchCheck"), len(rollout.Checks()))
}

// TestWaitReasonsAreUnique: a reason tells which check waits.
func TestWaitReasonsAreUnique(t *testing.T) {
	t.Parallel()
	reasons := rollout.WaitReasons()
	assert.Len(t, slices.Compact(slices.Sorted(slices.Values(reasons))), len(reasons))
}
