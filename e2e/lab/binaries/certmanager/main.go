// SPDX-License-Identifier: Apache-2.0

// Command certmanager runs cert-manager's own controllers, wired as a library:
// `certmanager controller` signs Certificates of SelfSigned and CA issuers,
// `certmanager cainjector` writes CA bundles into webhook configurations, CRDs
// and APIServices. cert-manager publishes its binaries as nested modules that
// cannot be required from outside; the code below is only their start-up.
// The ACME, Vault and Venafi issuers and the validating webhook are left out.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctrl.SetLogger(klog.Background())
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "certmanager:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want one argument, controller or cainjector, got %d", len(args))
	}
	switch args[0] {
	case "controller":
		return runController(ctx)
	case "cainjector":
		return runInjector(ctx)
	default:
		return fmt.Errorf("unknown role %q: want controller or cainjector", args[0])
	}
}
