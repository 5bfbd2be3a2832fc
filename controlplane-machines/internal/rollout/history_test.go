// SPDX-License-Identifier: Apache-2.0

package rollout_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/rollout"
)

// history is a start and what happens after it. The same history always goes the same way.
type history struct {
	profile
	steps []step
}

// step is one thing that happens, with a number to choose from.
type step struct {
	happens string
	arg     int
}

// happenings are the steps, as often as they come up.
var happenings = func() []string {
	var list []string
	for happens, weight := range map[string]int{
		"pass": 90, "time": 60, "replicas": 8, "version": 5, "template": 4, "revert": 3, "mark": 5, "strategy": 2,
		"lose": 3, "freeze": 8, "return": 8, "contact": 4, "certificates": 2, "endpoint": 6, "delete": 1, "workers": 2,
		"by hand": 1, "tear out": 1, "forget": 1, "lose status": 1, "clean": 1,
	} {
		for range weight {
			list = append(list, happens)
		}
	}
	slices.Sort(list)
	return list
}()

// newHistory rolls one.
func newHistory(seed uint64) history {
	r := rand.New(rand.NewPCG(seed, 0))
	h := history{profile: profile{
		seed:        seed,
		members:     pick(r, 0, 1, 3, 3, 5),
		replicas:    pick(r, 1, 3, 3, 5),
		strategy:    pick(r, controlplane.Recreate, controlplane.Recreate, controlplane.RecreateDeleteFirst),
		storage:     pick(r, learners, learners, learners, voters, elsewhere),
		maxLearners: pick(r, 5, 5, 1),
		domains:     pick(r, nil, []string{"a"}, []string{"a", "b"}, []string{"a", "b", "c"}, []string{"a", "b", "c"}),
		misery:      pick(r, 0, 10, 40, 80),
	}}
	if h.members > 0 && r.IntN(4) > 0 {
		h.replicas = h.members
	}
	for range 30 + r.IntN(40) {
		h.steps = append(h.steps, step{happens: happenings[r.IntN(len(happenings))], arg: r.IntN(1 << 20)})
	}
	return h
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// outcome is what a history came to.
type outcome struct {
	violation string
	seen      sightings
}

// play plays a history, lets the world stand still until it has come to rest, and judges.
func (h history) play(decide func(controlplane.Snapshot) rollout.Action, trace func(string)) outcome {
	w := newWorld(h.profile, decide, trace)
	for _, s := range h.steps {
		w.step(s)
		w.remember()
		if w.violation != "" {
			break
		}
	}
	if w.violation == "" {
		w.standStill()
		w.judgeRest()
	}
	return outcome{violation: w.violation, seen: w.seen}
}

// script plays a history once more and writes down what happens.
func (h history) script(decide func(controlplane.Snapshot) rollout.Action) string {
	var lines []string
	h.play(decide, func(line string) {
		// What is decided and done again and again is told once.
		if len(lines) == 0 || lines[len(lines)-1][8:] != line[8:] {
			lines = append(lines, line)
		}
	})
	return strings.Join(lines, "\n")
}

func (w *world) step(s step) {
	some := func(list []int) int { return list[s.arg%len(list)] }
	switch s.happens {
	case "pass":
		w.pass(reading{
			management: some([]int{0, 0, 1, 2, 3}), workload: s.arg >> 4 % remembered,
			crash: []int{never, never, never, 0, 1, 2, 3}[s.arg>>8%7],
		})
	case "time":
		w.advance(some([]int{10, 30, 30, 60, 60, 120, 300, 960}))
	case "replicas":
		w.edit("replicas", func() { w.cp.replicas = some([]int{1, 3, 3, 5, 5, 3, 1, 5, 3, 1, 2, 0}) })
	case "version":
		w.edit("version", func() { w.cp.wish = generation{version: s.arg, template: w.cp.wish.template} })
	case "template":
		w.edit("template", func() {
			w.cp.wish = generation{version: w.cp.wish.version, template: s.arg, broken: s.arg%4 == 0}
		})
	case "revert":
		w.edit("revert", func() { w.cp.wish = generation{} })
	case "strategy":
		w.edit("strategy", func() {
			w.cp.strategy = []controlplane.Strategy{controlplane.Recreate, controlplane.RecreateDeleteFirst}[s.arg%2]
		})
	case "delete":
		if s.arg%4 == 0 {
			w.edit("deletion", func() { w.cp.deleting = true })
		}
	case "workers":
		w.cp.workers = 0
	default:
		w.fault(s)
	}
}

// edit is what a user does to the control plane object.
func (w *world) edit(what string, change func()) {
	change()
	w.saw(what)
	w.changed("user: %s; now %d replicas, %s, %+v", what, w.cp.replicas, w.cp.strategy, w.cp.wish)
}

// standStill ends all faults and lets time pass until nothing changes any more.
func (w *world) standStill() {
	w.mend()
	for quiet, wait, end := 0, tick, w.now+patience; quiet < 1800; {
		before := w.changes
		action := w.pass(reading{crash: never})
		w.heed(action, quiet)
		if action.Kind == rollout.Wait && action.After > 0 {
			wait = max(wait, min(int(action.After/time.Second), 900))
		}
		w.advance(wait)
		if w.changes != before {
			quiet, wait = 0, tick
		} else {
			quiet, wait = quiet+wait, min(2*wait, 600)
		}
		if w.now > end {
			w.violate("a still world does not come to rest")
		}
		if w.violation != "" {
			return
		}
	}
}

// mend ends all faults.
func (w *world) mend() {
	w.log("the world stands still")
	w.still = true
	w.contact, w.cp.certificates, w.cp.endpoint, w.cp.workers = true, true, true, 0
	if w.cp.wish.broken {
		w.cp.wish = generation{version: w.cp.wish.version, template: w.cp.wish.template + 1}
		w.log("user: mends the template")
	}
	for _, n := range w.nodes {
		if !n.on && !n.lost && !n.gone && n.consumed != never {
			n.on, n.downSince = true, never
		}
	}
	w.look()
	w.remember()
}

// heed does what a user is asked to do: by the message of the action, or, when a leaving member is stuck, by the condition
// EtcdClusterHealthy, which names members left over as long as there are any.
func (w *world) heed(action rollout.Action, quiet int) {
	if len(w.cp.leftOver) == 0 {
		return
	}
	switch action.Reason {
	case rollout.ReasonMembersLeftOver, rollout.ReasonQuorumAtRisk:
		w.etcd.clean()
	case rollout.ReasonMachineDeleting:
		if quiet > 600 {
			w.etcd.clean()
		}
	}
}
