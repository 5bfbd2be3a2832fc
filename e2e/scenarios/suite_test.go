// SPDX-License-Identifier: Apache-2.0

//go:build e2e

// Package scenarios is what must hold in a real cluster, run by `make e2e` in the lab.
package scenarios

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/k0smotron/k0smotron/e2e/framework"
)

var lab *framework.Lab

func TestMain(m *testing.M) {
	var err error
	if lab, err = framework.Start(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "scenarios:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
