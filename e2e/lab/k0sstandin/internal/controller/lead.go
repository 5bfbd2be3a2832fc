// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// leaderLease is the name that k0s has always used for the lock of its leader.
const leaderLease = "k0s-endpoint-reconciler"

// lead does what is left once the API server is ready: the controller's own lease, the leader's duties, the programs
// that follow the cluster-wide configuration, and the status socket.
func (c *Controller) lead(ctx, programs context.Context) error {
	hostname, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("reading hostname: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	isLeader := func() bool { return true }
	if c.Config.Spec.Storage.Joinable() {
		if _, err := c.elect(ctx, group, "k0s-ctrl-"+strings.ToLower(hostname)); err != nil {
			return err
		}
		elector, err := c.elect(ctx, group, leaderLease)
		if err != nil {
			return err
		}
		isLeader = elector.IsLeader
	}
	group.Go(func() error { return c.serveStatus(ctx) })
	if c.enabled("csr-approver") {
		group.Go(every(ctx, 10*time.Second, c.whenLeader(isLeader, c.approveOne)))
	}
	if c.writesEndpoints() {
		group.Go(every(ctx, 10*time.Second, c.whenLeader(isLeader, c.writeEndpoints)))
	}
	group.Go(func() error { return c.tellMembership(ctx, hostname, isLeader) })
	group.Go(func() error { return c.followConfig(ctx, programs, isLeader) })
	return group.Wait()
}

func (c *Controller) elect(
	ctx context.Context,
	group *errgroup.Group,
	lease string,
) (*leaderelection.LeaderElector, error) {
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: corev1.NamespaceNodeLease, Name: lease},
			Client:     c.client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: c.invocation},
		},
		LeaseDuration: 60 * time.Second, RenewDeadline: 15 * time.Second, RetryPeriod: 5 * time.Second,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { c.Log.Info("holding lease", "lease", lease) },
			OnStoppedLeading: func() { c.Log.Info("lease given up", "lease", lease) },
		},
	})
	if err != nil {
		return nil, fmt.Errorf("preparing lease %s: %w", lease, err)
	}
	group.Go(func() error {
		for ctx.Err() == nil {
			elector.Run(ctx)
		}
		return nil
	})
	return elector, nil
}

func (c *Controller) whenLeader(isLeader func() bool, duty func(context.Context) error) func(context.Context) {
	return func(ctx context.Context) {
		if !isLeader() {
			return
		}
		if err := duty(ctx); err != nil && ctx.Err() == nil {
			c.Log.Warn("leader's duty failed", "error", err)
		}
	}
}

// every does the work after each period, for the first time after the first one, as k0s does.
func every(ctx context.Context, period time.Duration, work func(context.Context)) func() error {
	return func() error {
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
				work(ctx)
			}
		}
	}
}
