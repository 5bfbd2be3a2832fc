// SPDX-License-Identifier: Apache-2.0

// Command controlplane-incluster is the manager of the in-cluster control plane provider. Started as
//
//	controlplane-incluster place --from=DIR --to=DIR
//
// it is the init container of a control plane pod instead: it copies certificates and configuration to where k0s looks
// for them.
package main

import (
	"fmt"
	"os"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/app"
)

func main() {
	if err := app.Main(ctrl.SetupSignalHandler(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}
