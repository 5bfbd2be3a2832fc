// SPDX-License-Identifier: Apache-2.0

//go:build e2e

// Package resilience runs Cluster API's own checks of providers on clusters of our kinds: owners and finalizers that
// somebody took away, or that are of an older version, come back, and nothing is written when nothing changes.
package resilience

import (
	"os"
	"testing"

	"github.com/onsi/ginkgo/v2"

	"github.com/k0smotron/k0smotron/e2e/framework"
)

var lab *framework.Lab

func TestMain(m *testing.M) {
	os.Exit(inSuite(func() int { return framework.Run(m, &lab) }))
}

// inSuite runs all tests of the package inside the one spec of a suite of Ginkgo: Cluster API's checks say what they do
// by Ginkgo's By, which ends the process unless a suite runs, and a process can run a suite only once.
func inSuite(run func() int) int {
	suite, reporter := ginkgo.GinkgoConfiguration()
	suite.Timeout = 0 // That of the tests counts.
	reporter.Verbose, reporter.NoColor = true, true
	ginkgo.It("runs the tests of the package", func() {
		if run() != 0 {
			ginkgo.Fail("failed: see above")
		}
	})
	if !ginkgo.RunSpecs(silent{}, "Checks of Cluster API", suite, reporter) {
		return 1
	}
	return 0
}

// silent stands for the test that a suite usually has: the result of this one is the exit code.
type silent struct{}

// Fail does nothing.
func (silent) Fail() {}
