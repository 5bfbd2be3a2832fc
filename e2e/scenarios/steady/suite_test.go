// SPDX-License-Identifier: Apache-2.0

//go:build e2e

// Package steady is what must hold of a cluster that runs: it costs nothing, a new release leaves it alone, and Cluster
// API's view of its version is the one that the documentation tells.
package steady

import (
	"os"
	"testing"

	"github.com/k0smotron/k0smotron/e2e/framework"
)

var lab *framework.Lab

func TestMain(m *testing.M) { os.Exit(framework.Run(m, &lab)) }
