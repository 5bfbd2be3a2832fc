// SPDX-License-Identifier: Apache-2.0

package double

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Options say whose part is played, and how.
type Options struct {
	// Management is the management cluster. Its scheme must know Cluster API and K0sControllerConfig.
	Management client.Client
	// Workload is the workload cluster: that of a Server, emptied, or one in memory.
	Workload client.Client
	// Cluster is the Cluster whose Machines are looked after.
	Cluster client.ObjectKey
	// Clock is the time for delays and leases.
	Clock clock.PassiveClock
	// JoinDelay is how long a machine takes from its creation to the start of k0s.
	JoinDelay time.Duration
}

// Part is a part that can be held back.
type Part string

// The parts.
const (
	// Bootstrap gives Machines their data.
	Bootstrap Part = "Bootstrap"
	// Infrastructure makes machines.
	Infrastructure Part = "Infrastructure"
	// Joining starts k0s on machines.
	Joining Part = "Joining"
)

// Double plays everybody around one Cluster.
type Double struct {
	options Options

	mutex        sync.Mutex
	held         map[Part]bool
	controllers  map[string]*controller
	etcd         etcd
	leader       string
	founded      bool
	disconnected bool
	joinerDies   bool
	ending       bool
	made         int
	renewals     int
	alarms       []string
}

// New has no machines yet.
func New(options Options) *Double {
	return &Double{
		options:     options,
		held:        map[Part]bool{},
		controllers: map[string]*controller{},
		etcd:        etcd{members: map[string]*member{}},
	}
}

// Turn lets everybody do once what is to be done: first those who look after Machines, then k0s on every machine. An
// error leaves the rest of its Machine undone, until the next turn.
func (d *Double) Turn(ctx context.Context) error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	cluster := &clusterv1.Cluster{}
	if err := client.IgnoreNotFound(d.options.Management.Get(ctx, d.options.Cluster, cluster)); err != nil {
		return fmt.Errorf("getting Cluster: %w", err)
	}
	d.ending = cluster.Name == "" || !cluster.DeletionTimestamp.IsZero()
	machines, err := d.machines(ctx)
	if err != nil {
		return err
	}
	errs := make([]error, 0, len(machines)+1)
	for _, machine := range machines {
		errs = append(errs, caring{Double: d, cluster: cluster, machine: machine, all: machines}.turn(ctx))
	}
	d.forget(machines)
	return errors.Join(append(errs, d.run(ctx))...)
}

// machines are the control-plane Machines of the Cluster, by name.
func (d *Double) machines(ctx context.Context) ([]*clusterv1.Machine, error) {
	found := &clusterv1.MachineList{}
	if err := d.options.Management.List(ctx, found, client.InNamespace(d.options.Cluster.Namespace),
		client.HasLabels{clusterv1.MachineControlPlaneLabel},
		client.MatchingLabels{clusterv1.ClusterNameLabel: d.options.Cluster.Name}); err != nil {
		return nil, fmt.Errorf("listing Machines: %w", err)
	}
	machines := make([]*clusterv1.Machine, 0, len(found.Items))
	for i := range found.Items {
		machines = append(machines, &found.Items[i])
	}
	slices.SortFunc(machines, func(a, b *clusterv1.Machine) int { return strings.Compare(a.Name, b.Name) })
	return machines, nil
}

// Play takes turns until the test ends.
func (d *Double) Play(t testing.TB, every time.Duration) {
	t.Helper()
	Play(t, every, d.Turn)
}

// Play takes turns of somebody until the test ends. Another writer who was faster is no failure: the next turn sees what it
// wrote.
func Play(t testing.TB, every time.Duration, turn func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-done
	})
	go func() {
		defer close(done)
		for {
			if err := turn(ctx); serious(ctx, err) {
				t.Errorf("a turn failed: %v", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(every):
			}
		}
	}()
}

// serious tells errors that another turn does not mend.
func serious(ctx context.Context, err error) bool {
	if err == nil || ctx.Err() != nil {
		return false
	}
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		return slices.ContainsFunc(several.Unwrap(), func(one error) bool { return serious(ctx, one) })
	}
	return !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) && !apierrors.IsAlreadyExists(err)
}
