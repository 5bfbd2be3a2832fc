// SPDX-License-Identifier: Apache-2.0

//go:build e2e

// Package outages is what must hold when machines lose power, downloads fail, managers die and the API server is gone.
package outages

import (
	"os"
	"testing"

	"github.com/k0smotron/k0smotron/e2e/framework"
)

var lab *framework.Lab

func TestMain(m *testing.M) { os.Exit(framework.Run(m, &lab)) }
