// SPDX-License-Identifier: Apache-2.0

//go:build e2e

// Package install takes the providers away and installs them in each way there is. It stands alone, since no cluster may
// exist meanwhile, and its name is the first of the scenarios, so that a cluster in the way is told at once.
package install

import (
	"os"
	"testing"

	"github.com/k0smotron/k0smotron/e2e/framework"
)

var lab *framework.Lab

func TestMain(m *testing.M) { os.Exit(framework.Run(m, &lab)) }
