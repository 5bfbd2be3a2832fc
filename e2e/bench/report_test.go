// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/k0s"
)

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func run(name string, raw, hosted float64, writes, reads int) result {
	return result{name: name, raw: seconds(raw), hosted: hostedResult{
		took: seconds(hosted), writes: writes, reads: reads,
		stages: []stage{{"first object", seconds(hosted / 10)}, {"something else", unknown}, {"ready", seconds(hosted)}},
	}}
}

// The warm-up would break every limit.
func warmUp() result { return run("warm-up", 10, 99, 99, 99) }

func TestReport(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, report{
		runs:   []result{warmUp(), run("run 1", 10, 14, 20, 9), run("run 2", 11, 30, 21, 7), run("run 3", 12, 13, 22, 8)},
		limits: limits{ratio: 1.5, writes: 30, reads: 30},
	}.print(&out))
	words := make([]string, 0, 20)
	for line := range strings.Lines(out.String()) {
		words = append(words, strings.Join(strings.Fields(line), " "))
	}
	assert.Equal(t, []string{
		"",
		"seconds raw hosted ratio manager writes reads",
		"warm-up 10.0 99.0 9.90 99 99 does not count",
		"run 1 10.0 14.0 1.40 20 9",
		"run 2 11.0 30.0 2.73 21 7",
		"run 3 12.0 13.0 1.08 22 8",
		"median 11.0 14.0 1.27",
		"limit 1.50 30 30",
		"",
		"seconds after the Cluster was accepted run 1 run 2 run 3 median",
		"first object 1.4 3.0 1.3 1.4",
		"something else - - - -",
		"ready 14.0 30.0 13.0 14.0",
		"",
		"All limits hold.",
	}, words)
}

func TestLimits(t *testing.T) {
	t.Parallel()
	all := limits{ratio: 1.5, writes: 30, reads: 30}
	for name, test := range map[string]struct {
		runs   []result
		limits limits
		want   string
	}{
		"TooSlow":         {[]result{run("run 1", 10, 16, 20, 9)}, all, "hosted takes 1.60 × raw, at most 1.5 × is allowed"},
		"AtTheLimit":      {[]result{run("run 1", 10, 15, 30, 30)}, all, ""},
		"TooChatty":       {[]result{run("run 1", 10, 12, 30, 9), run("run 2", 10, 12, 31, 9)}, all, "run 2: the manager wrote 31 times"},
		"TooCurious":      {[]result{run("run 1", 10, 12, 3, 31)}, all, "run 1: the manager read 31 times"},
		"StandIn":         {[]result{run("run 1", 10, 90, 3, 3)}, limits{writes: 30, reads: 30}, ""},
		"StandInTooMany":  {[]result{run("run 1", 10, 90, 31, 3)}, limits{writes: 30, reads: 30}, "wrote 31 times"},
		"OneSlowRunOfTwo": {[]result{run("run 1", 10, 12, 3, 3), run("run 2", 10, 19, 3, 3)}, all, "hosted takes 1.55 × raw"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			err := report{runs: append([]result{warmUp()}, test.runs...), limits: test.limits}.print(&out)
			assert.Equal(t, test.limits.ratio == 0, strings.Contains(out.String(), "stand-in"))
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
			assert.NotContains(t, out.String(), "All limits hold")
		})
	}
}

func TestOnlyTheStandInHasNoRatio(t *testing.T) {
	t.Parallel()
	assert.Equal(t, limits{ratio: 1.5, writes: 30, reads: 30}, limitsFor(k0s.Binary{Path: "/opt/k0s"}))
	assert.Equal(t, limits{writes: 30, reads: 30}, limitsFor(k0s.Binary{Path: "/cache/bin/lab/k0sstandin"}))
}

func TestMedian(t *testing.T) {
	t.Parallel()
	raw := func(r result) time.Duration { return r.raw }
	for want, values := range map[float64][]float64{3: {3}, 4: {9, 4, 1}, 5: {9, 6, 1, 4}} {
		var runs []result
		for _, value := range values {
			runs = append(runs, result{raw: seconds(value)})
		}
		assert.Equal(t, seconds(want), median(runs, raw))
	}
}

func TestBenchWantsARun(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, bench(t.Context(), &bytes.Buffer{}, 0), "at least one run")
}
