// SPDX-License-Identifier: Apache-2.0

package k0snode_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
)

// TestReleases: what can be known of three controllers, of which the second one stops, by the release that they run.
func TestReleases(t *testing.T) {
	t.Parallel()
	type row struct {
		// all is the health of each while all work, stopped that of the second one after it has stopped, others that of the
		// others then.
		all, stopped, others controlplane.Health
	}
	named := row{controlplane.Healthy, controlplane.Unhealthy, controlplane.Healthy}
	counted := row{controlplane.Healthy, controlplane.HealthUnknown, controlplane.HealthUnknown}
	cases := map[string]row{
		"v1.31.1+k0s.0": counted, "v1.31.14+k0s.0": counted,
		"v1.32.1+k0s.0": counted, "v1.32.13+k0s.0": counted,
		"v1.33.1+k0s.0": counted, "v1.33.13+k0s.1": counted,
		"v1.34.1+k0s.0": counted, "v1.34.3+k0s.0": counted, "v1.34.4+k0s.0": named, "v1.34.5+k0s.0": named,
		"v1.34.9+k0s.0": named,
		"v1.35.1+k0s.0": named, "v1.35.2+k0s.0": named, "v1.35.5+k0s.0": named,
		"v1.36.1+k0s.0": named, newK0s: named, "v1.37.0+k0s.0": named,
	}
	for version, want := range cases {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			for _, name := range []string{"m1", "m2", "m3"} {
				w.controller(name, version)
			}
			report, memory := w.watch(k0snode.Memory{}, 20*time.Second, "m1", "m2", "m3")
			for _, name := range []string{"m1", "m2", "m3"} {
				state := report.States[name]
				assert.Equal(t, want.all, state.Health, "%s: %s", name, state.Message)
				assert.Equal(t, controlplane.Voting, state.Membership)
				assert.Equal(t, version, state.Version.String())
				assert.True(t, state.IsHealthyVoter())
			}
			w.stopped[lease("m2")] = true
			report, _ = w.watch(memory, time.Minute, "m1", "m2", "m3")
			assert.Equal(t, want.stopped, report.States["m2"].Health, report.States["m2"].Message)
			assert.Equal(t, want.others, report.States["m1"].Health, report.States["m1"].Message)
			assert.Equal(t, want.others, report.States["m3"].Health, report.States["m3"].Message)
			assert.NotEmpty(t, report.States["m2"].Message)
		})
	}
}

// TestTwoLooks: one look tells nothing, however young the lease says it is.
func TestTwoLooks(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.controller("m1", newK0s)
	first, memory := k0snode.Judge(k0snode.Memory{}, w.facts("m1"))
	assert.Equal(t, controlplane.HealthUnknown, first.States["m1"].Health)
	assert.False(t, first.States["m1"].Current)
	assert.Equal(t, 10*time.Second, first.LookAgain)

	w.pass(first.LookAgain)
	second, _ := k0snode.Judge(memory, w.facts("m1"))
	assert.Equal(t, controlplane.Healthy, second.States["m1"].Health)
	assert.True(t, second.States["m1"].Current)
	assert.Empty(t, second.States["m1"].Message)
	assert.Equal(t, 20*time.Second, second.LookAgain)
	assert.Equal(t, w.now, second.Answered)
}

// TestGaps: what two looks prove depends on how far they are apart.
func TestGaps(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		gap     time.Duration
		renewed bool
		want    controlplane.Health
		current bool
	}{
		"RenewedSoon":       {gap: 30 * time.Second, renewed: true, want: controlplane.Healthy, current: true},
		"RenewedAnyTime":    {gap: 31 * time.Second, renewed: true, want: controlplane.Healthy, current: false},
		"RenewedLongAgo":    {gap: 6 * time.Minute, renewed: true, want: controlplane.HealthUnknown, current: false},
		"NotRenewedYet":     {gap: 20 * time.Second, want: controlplane.Healthy, current: true},
		"NotRenewedPerhaps": {gap: 25 * time.Second, want: controlplane.Healthy, current: false},
		"NotRenewed":        {gap: 31 * time.Second, want: controlplane.Unhealthy, current: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.controller("m1", newK0s)
			_, memory := w.watch(k0snode.Memory{}, 20*time.Second, "m1")
			w.stopped[lease("m1")] = !tc.renewed
			w.pass(tc.gap)
			report, _ := k0snode.Judge(memory, w.facts("m1"))
			assert.Equal(t, tc.want, report.States["m1"].Health, report.States["m1"].Message)
			assert.Equal(t, tc.current, report.States["m1"].Current)
		})
	}
}

// TestClocks: a controller whose clock is wrong is as healthy as any other, and one that has stopped is not saved by it.
func TestClocks(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{-48 * time.Hour, 0, 48 * time.Hour} {
		w := newWorld()
		w.controller("m1", newK0s)
		w.firstLease().Renewed = w.now.Add(off)
		memory := k0snode.Memory{}
		for range 3 {
			w.now = w.now.Add(10 * time.Second)
			w.firstLease().Renewed = w.now.Add(off)
			_, memory = k0snode.Judge(memory, w.facts("m1"))
		}
		report, memory := k0snode.Judge(memory, w.facts("m1"))
		assert.Equal(t, controlplane.Healthy, report.States["m1"].Health)
		w.now = w.now.Add(31 * time.Second)
		report, _ = k0snode.Judge(memory, w.facts("m1"))
		assert.Equal(t, controlplane.Unhealthy, report.States["m1"].Health)
	}
}

// TestSilence: loss of contact is no evidence. Verdicts stay for five minutes, to be shown only.
func TestSilence(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.controller("m1", newK0s)
	w.controller("m2", newK0s)
	w.stopped[lease("m2")] = true
	_, memory := w.watch(k0snode.Memory{}, time.Minute, "m1", "m2")
	answered := w.now
	silent := func(d time.Duration) k0snode.Report {
		w.now = answered.Add(d)
		facts := w.facts("m1", "m2")
		facts.Objects = nil
		var report k0snode.Report
		report, memory = k0snode.Judge(memory, facts)
		return report
	}
	for _, d := range []time.Duration{time.Second, time.Minute, 5 * time.Minute} {
		report := silent(d)
		assert.Equal(t, controlplane.Healthy, report.States["m1"].Health)
		assert.Equal(t, controlplane.Unhealthy, report.States["m2"].Health)
		assert.Equal(t, controlplane.Voting, report.States["m1"].Membership)
		assert.False(t, report.States["m1"].IsHealthyVoter(), "nothing may be decided on it")
		assert.Equal(t, answered, report.Answered)
	}
	report := silent(5*time.Minute + time.Second)
	for _, state := range report.States {
		assert.Equal(t, controlplane.HealthUnknown, state.Health)
		assert.Equal(t, controlplane.Unknown, state.Membership)
		assert.Equal(t, "the workload cluster has not answered since 2030-01-01T12:01:00Z", state.Message)
		assert.Equal(t, newK0s, state.Version.String(), "what ran is not forgotten")
	}
	assert.Equal(t, report, silent(10*time.Minute), "and nothing changes while nothing happens")

	w.now = w.now.Add(time.Second)
	w.stopped = map[string]bool{}
	report, _ = w.watch(memory, 20*time.Second, "m1", "m2")
	assert.True(t, report.States["m1"].IsHealthyVoter())
	assert.True(t, report.States["m2"].IsHealthyVoter())
}

func TestNeverAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld()
	facts := w.facts("m1")
	facts.Objects = nil
	report, _ := k0snode.Judge(k0snode.Memory{}, facts)
	assert.Equal(t, controlplane.HealthUnknown, report.States["m1"].Health)
	assert.Equal(t, controlplane.Unknown, report.States["m1"].Membership)
	assert.Equal(t, "the workload cluster has not answered yet", report.States["m1"].Message)
	assert.Zero(t, report.Answered)
}

// TestRestartedManager: without memory, what conditions say is shown until there is something better, and never decided on.
func TestRestartedManager(t *testing.T) {
	t.Parallel()
	for _, reported := range []controlplane.Health{controlplane.Healthy, controlplane.Unhealthy, controlplane.HealthUnknown} {
		w := newWorld()
		w.controller("m1", newK0s)
		facts := w.facts("m1")
		facts.Machines[0].Reported = reported
		report, memory := k0snode.Judge(k0snode.Memory{}, facts)
		assert.Equal(t, reported, report.States["m1"].Health)
		assert.False(t, report.States["m1"].Current)
		assert.Equal(t, controlplane.Voting, report.States["m1"].Membership)

		facts.Objects = nil
		report, memory = k0snode.Judge(memory, facts)
		assert.Equal(t, reported, report.States["m1"].Health)
		facts.Now = facts.Now.Add(5*time.Minute + time.Second)
		report, _ = k0snode.Judge(memory, facts)
		assert.Equal(t, controlplane.HealthUnknown, report.States["m1"].Health)
	}
}

// TestFailureCountsAtOnce: evidence of failure has no grace period.
func TestFailureCountsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.controller("m1", newK0s)
	_, memory := w.watch(k0snode.Memory{}, 20*time.Second, "m1")
	w.firstLease().Holder = ""
	report, _ := k0snode.Judge(memory, w.facts("m1"))
	assert.Equal(t, controlplane.Unhealthy, report.States["m1"].Health)
}
