// SPDX-License-Identifier: Apache-2.0

// Command lab-controller is what a cloud would bring to the lab's management cluster: addresses for Services of type
// LoadBalancer and volumes for the default StorageClass.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/k0smotron/k0smotron/e2e/lab/loadbalancer"
	"github.com/k0smotron/k0smotron/e2e/lab/network"
	"github.com/k0smotron/k0smotron/e2e/lab/provisioner"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctrl.SetLogger(klog.Background())
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab-controller:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("loading client configuration: %w", err)
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Metrics:                metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress: ":9440",
	})
	if err != nil {
		return fmt.Errorf("building manager: %w", err)
	}
	if err := register(manager); err != nil {
		return err
	}
	return manager.Start(ctx)
}

func register(manager ctrl.Manager) error {
	balancer := &loadbalancer.Reconciler{
		Client: manager.GetClient(), Live: manager.GetAPIReader(), Pool: network.LoadBalancerAddresses(),
	}
	if err := balancer.Register(manager); err != nil {
		return fmt.Errorf("registering load balancer: %w", err)
	}
	volumes := &provisioner.Reconciler{
		Client: manager.GetClient(), Node: os.Getenv("NODE_NAME"), Directory: os.Getenv("VOLUMES"),
	}
	if err := volumes.Register(manager); err != nil {
		return fmt.Errorf("registering provisioner: %w", err)
	}
	if err := manager.AddReadyzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("registering readiness: %w", err)
	}
	return nil
}
