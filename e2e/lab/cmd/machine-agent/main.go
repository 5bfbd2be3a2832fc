// SPDX-License-Identifier: Apache-2.0

// Command machine-agent makes the lab's machines and their load balancers for whoever asks at its socket, and serves k0s
// to them.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/k0smotron/k0smotron/e2e/lab/balancer"
	"github.com/k0smotron/k0smotron/e2e/lab/download"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/machine"
	"github.com/k0smotron/k0smotron/e2e/lab/machine/agent"
	"github.com/k0smotron/k0smotron/e2e/lab/machines"
	"github.com/k0smotron/k0smotron/e2e/lab/network"
)

func main() {
	config := flag.String("config", "", "configuration file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *config)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "machine-agent:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, file string) error {
	config, err := machines.ReadConfig(file)
	if err != nil {
		return err
	}
	orders, err := agent.Listen(ctx, config.Socket)
	if err != nil {
		return err
	}
	downloads, err := (&net.ListenConfig{}).Listen(ctx, "tcp", config.Address)
	if err != nil {
		return fmt.Errorf("opening the download server: %w", err)
	}
	server := download.NewServer(config.Downloads)
	balancers := balancer.NewKeeper(balancer.Config{
		State: config.Balancers, Pool: network.BalancerAddresses(), Listen: listen, Interval: time.Second,
	})
	handler := agent.NewHandler(agent.Services{
		Machines: machine.NewHost(config.Machine), Balancers: balancers, Downloads: server,
	})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return agent.Serve(ctx, orders, handler) })
	group.Go(func() error { return balancers.Run(ctx) })
	group.Go(func() error { return agent.Serve(ctx, downloads, server) })
	return group.Wait()
}

// listen opens a port of a load balancer where it is nobody else's.
func listen(ctx context.Context, at netip.AddrPort) (net.Listener, error) {
	return network.ListenIn(ctx, layout.BalancerNetns, at)
}
