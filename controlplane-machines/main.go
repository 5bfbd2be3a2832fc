// SPDX-License-Identifier: Apache-2.0

// Command controlplane-machines is the manager of the control plane provider for Machines.
package main

import (
	"fmt"
	"os"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/app"
)

func main() {
	if err := app.Main(ctrl.SetupSignalHandler(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}
