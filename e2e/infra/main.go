// SPDX-License-Identifier: Apache-2.0

// Command infra is the manager of the lab's infrastructure provider.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/klog/v2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	infrav1 "github.com/k0smotron/k0smotron/e2e/infra/api/v1beta2"
	"github.com/k0smotron/k0smotron/e2e/infra/controller"
	"github.com/k0smotron/k0smotron/e2e/lab/machine/agent"
)

func main() {
	socket := flag.String("agent-socket", "/run/k0smotron-lab/agent/agent.sock", "socket of the host's machine agent")
	health := flag.String("health-addr", ":9440", "address of /healthz and /readyz")
	flag.Parse()
	if err := run(*socket, *health); err != nil {
		fmt.Fprintln(os.Stderr, "infra:", err)
		os.Exit(1)
	}
}

func run(socket, health string) error {
	ctrl.SetLogger(klog.Background())
	ctx := ctrl.SetupSignalHandler()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, clusterv1.AddToScheme, infrav1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return fmt.Errorf("building the scheme: %w", err)
		}
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the API server: %w", err)
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                 scheme,
		HealthProbeBindAddress: health,
		Metrics:                metricsserver.Options{BindAddress: "0"},
	})
	if err != nil {
		return fmt.Errorf("making the manager: %w", err)
	}
	if err := errors.Join(
		mgr.AddHealthzCheck("ping", healthz.Ping),
		mgr.AddReadyzCheck("ping", healthz.Ping),
	); err != nil {
		return fmt.Errorf("adding health checks: %w", err)
	}
	host := agent.NewClient(socket)
	clusters := &controller.ClusterReconciler{Client: mgr.GetClient(), Host: host}
	if err := clusters.SetupWithManager(ctx, mgr); err != nil {
		return err
	}
	machines := &controller.MachineReconciler{
		Client: mgr.GetClient(), Secrets: mgr.GetAPIReader(), Host: host,
	}
	if err := machines.SetupWithManager(mgr); err != nil {
		return err
	}
	return mgr.Start(ctx)
}
