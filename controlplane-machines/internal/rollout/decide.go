// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"slices"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
)

// Check is one link of the chain.
type Check struct {
	// Name is what tests and documentation call it.
	Name string
	// Prevents is what happens without it.
	Prevents string
	// Waits are the reasons for which it makes a pass wait.
	Waits []string
	// ask answers with the action that ends the pass, or with nil; it may change what is wanted.
	ask func(*plan) *Action
}

// Chain is an ordered list of checks.
type Chain []Check

// Decide answers with the one thing that a pass does.
func Decide(s controlplane.Snapshot) Action { return Checks().Decide(s) }

// Decide asks the checks in order. What is wanted when none of them has answered is done.
func (c Chain) Decide(s controlplane.Snapshot) Action {
	p := newPlan(&s)
	for _, check := range c {
		if action := check.ask(p); action != nil {
			return *action
		}
	}
	return p.done()
}

// Without is the chain less the check of that name.
func (c Chain) Without(name string) Chain {
	return slices.DeleteFunc(slices.Clone(c), func(check Check) bool { return check.Name == name })
}

// WaitReasons are all reasons for which the chain makes a pass wait.
func WaitReasons() []string {
	var reasons []string
	for _, check := range Checks() {
		reasons = append(reasons, check.Waits...)
	}
	return reasons
}
