// SPDX-License-Identifier: Apache-2.0

// Package faults proves that a controller ends in the same state whatever goes wrong once on the way.
//
// A scenario is a fresh world, a manager that reconciles it pass by pass, and optionally the outside world that moves
// between passes. A first, undisturbed run counts the calls. Then, for every k, the scenario is run again with one fault:
//
//	the k-th write fails                               (FailWrite)
//	the k-th write is done but its answer is lost      (LoseAnswer)
//	the manager is killed before the k-th write        (KillBefore)
//	the manager is killed after the k-th write         (KillAfter)
//	the k-th read shows everything one version old     (StaleRead)
//
// The final objects of every run must equal those of the first. What may differ between any two runs (UIDs, versions,
// times, allocated addresses) is left out; what is random by design is left out by the scenario.
package faults

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Pass is one reconcile of every object by a running manager. An error is repeated, as the work queue would.
type Pass func(ctx context.Context) error

// World is the API servers of one run. Every run gets a new one.
type World struct {
	// Management is the management cluster, undisturbed.
	Management client.WithWatch
	// Namespace is where the scenario takes place.
	Namespace string
	// Workload is the workload cluster, undisturbed; nil when the scenario has none. All of its namespaces count, so it
	// must not be shared between runs: a fake client does.
	Workload client.WithWatch
}

// Clients are what a manager gets. All of them stop answering when the manager is killed.
type Clients struct {
	// Namespace is where the scenario takes place.
	Namespace string
	// Management is the management cluster; reads may be one version old.
	Management client.WithWatch
	// ManagementLive reads the management cluster without a cache.
	ManagementLive client.Reader
	// Workload is the workload cluster; reads may be one version old.
	Workload client.WithWatch
	// WorkloadLive reads the workload cluster without a cache.
	WorkloadLive client.Reader
}

// Scenario is what is repeated.
type Scenario struct {
	// NewWorld makes a world with its initial objects.
	NewWorld func(t testing.TB) World
	// Start makes a manager that remembers nothing of an earlier one.
	Start func(t testing.TB, clients Clients) Pass
	// Advance plays everybody else between two passes: kubelets, the infrastructure provider, the clock. It must do
	// nothing once there is nothing to do. Optional.
	Advance func(ctx context.Context, world World) error
	// Kinds are empty lists of the kinds whose final objects are compared.
	Kinds []client.ObjectList
	// WorkloadKinds are the same for the workload cluster.
	WorkloadKinds []client.ObjectList
	// Normalise takes out of a final object what is random by design. Optional.
	Normalise func(object *unstructured.Unstructured)
	// MaxPasses bounds a run; 0 means 60. A run that has not settled by then has failed.
	MaxPasses int
}

// Mode is a kind of fault.
type Mode string

// The kinds of faults.
const (
	// FailWrite lets one write fail without effect.
	FailWrite Mode = "FailWrite"
	// LoseAnswer does one write and reports a timeout.
	LoseAnswer Mode = "LoseAnswer"
	// KillBefore ends the manager before one write.
	KillBefore Mode = "KillBefore"
	// KillAfter ends the manager after one write; it never sees the answer.
	KillAfter Mode = "KillAfter"
	// StaleRead answers one read from the cache with the versions before the last ones.
	StaleRead Mode = "StaleRead"
)

// Run runs the scenario undisturbed and then once with every fault, as subtests named by mode and call.
func Run(t *testing.T, scenario Scenario) {
	t.Helper()
	calm := scenario.run(t, plan{})
	if calm.problem != "" {
		t.Fatalf("undisturbed: %s", calm.problem)
	}
	t.Logf("%d writes, %d reads (%d of them can be stale), %d passes",
		len(calm.writes), calm.reads, len(calm.stale), calm.passes)
	for _, p := range calm.plans() {
		t.Run(p.name(calm), func(t *testing.T) {
			if problem := scenario.compare(t, p, calm); problem != "" {
				t.Error(problem)
			}
		})
	}
}

// plan is the one fault of a run; the zero plan has none.
type plan struct {
	mode Mode
	call int
}

// outcome is what a run has shown.
type outcome struct {
	objects string
	writes  []string
	stale   map[int]string
	reads   int
	passes  int
	problem string
}

// plans are all faults that make a difference to an undisturbed run.
func (o outcome) plans() []plan {
	var plans []plan
	for _, mode := range []Mode{FailWrite, LoseAnswer, KillBefore, KillAfter} {
		for call := range o.writes {
			plans = append(plans, plan{mode, call + 1})
		}
	}
	for call := 1; call <= o.reads; call++ {
		if _, ok := o.stale[call]; ok {
			plans = append(plans, plan{StaleRead, call})
		}
	}
	return plans
}

func (p plan) name(calm outcome) string {
	if p.mode == StaleRead {
		return fmt.Sprintf("%s/%02d %s", p.mode, p.call, calm.stale[p.call])
	}
	return fmt.Sprintf("%s/%02d %s", p.mode, p.call, calm.writes[p.call-1])
}

// compare runs the scenario with a fault and says how its end differs from the calm one; empty when it does not.
func (s Scenario) compare(t testing.TB, p plan, calm outcome) string {
	t.Helper()
	got := s.run(t, p)
	if got.problem != "" {
		return got.problem
	}
	if diff := cmp.Diff(calm.objects, got.objects); diff != "" {
		return "the final objects differ (-undisturbed +with the fault):\n" + diff
	}
	return ""
}

const (
	defaultMaxPasses = 60
	// quietPasses without any write are taken as the end: the pass after a stale read shows whether it was one.
	quietPasses = 2
)

// run plays the scenario to its end.
func (s Scenario) run(t testing.TB, p plan) outcome {
	t.Helper()
	ctx := t.Context()
	world := s.NewWorld(t)
	inject := newInjector(p)
	outside := world
	outside.Management = inject.recorded(management, world.Management)
	outside.Workload = inject.recorded(workload, world.Workload)
	passes, err := s.settle(ctx, inject, outside, func() Pass { return s.Start(t, inject.clients(world)) })
	result := outcome{writes: inject.writes, reads: inject.reads, stale: inject.stale, passes: passes}
	if err != nil {
		result.problem = err.Error()
		return result
	}
	result.objects, err = s.final(ctx, world)
	if err != nil {
		result.problem = err.Error()
	}
	return result
}

func (s Scenario) settle(ctx context.Context, inject *injector, outside World, start func() Pass) (int, error) {
	maxPasses := s.MaxPasses
	if maxPasses == 0 {
		maxPasses = defaultMaxPasses
	}
	var last error
	pass, quiet := start(), 0
	for n := 1; n <= maxPasses; n++ {
		before := inject.changes
		last = pass(ctx)
		if inject.dead {
			inject.revive()
			pass = start()
			quiet = 0
			continue
		}
		if s.Advance != nil {
			if err := s.Advance(ctx, outside); err != nil {
				return n, fmt.Errorf("advancing the outside world: %w", err)
			}
		}
		quiet++
		if last != nil || inject.changes != before {
			quiet = 0
		}
		if quiet == quietPasses {
			return n, nil
		}
	}
	return maxPasses, fmt.Errorf("not settled after %d passes; the last pass answered: %w", maxPasses, lastOr(last))
}

var errNone = errors.New("no error, but it writes every time")

func lastOr(err error) error {
	if err == nil {
		return errNone
	}
	return err
}
