// SPDX-License-Identifier: Apache-2.0

//go:build e2e

// Package machines is what must hold of control planes on machines: they come from nothing, grow, shrink and are replaced
// while clients write, nothing is deleted while a member is unwell, and whatever dies in the middle leaves nothing behind.
//
// What has more than one controller needs a real k0s (K0S_BINARY) and is skipped, saying so, without one.
package machines

import (
	"os"
	"testing"
	"time"

	"github.com/k0smotron/k0smotron/e2e/framework"
)

var lab *framework.Lab

func TestMain(m *testing.M) { os.Exit(framework.Run(m, &lab)) }

// fromNothing is how long a cluster of that many controllers may take to work with its workers.
func fromNothing(controllers int) time.Duration {
	return 6*time.Minute + time.Duration(controllers-1)*3*time.Minute
}

// tolerable is how long nothing can be written when one of three members goes.
const tolerable = 10 * time.Second

// timed prints how long a scenario took.
func timed(t *testing.T) {
	t.Helper()
	start := time.Now()
	t.Cleanup(func() { t.Logf("%s took %.0f s", t.Name(), time.Since(start).Seconds()) })
}

// three is a Change that wishes for three controllers from the beginning.
func three(t *testing.T) framework.Change {
	t.Helper()
	return framework.Replace(t, "spec:\n  replicas: 1\n  version:", "spec:\n  replicas: 3\n  version:")
}

// withKubelet is a Change that makes every controller a node, too.
func withKubelet(t *testing.T) framework.Change {
	t.Helper()
	return framework.Replace(t, "    args:\n    # Its image", "    args:\n    - --enable-worker\n    # Its image")
}
