// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"k8s.io/klog/v2"
)

// Config says where balancers are remembered and how they reach the network.
type Config struct {
	// State is a directory that holds one file per balancer.
	State string
	// Pool is where they get their addresses from.
	Pool []netip.Addr
	// Listen opens a port of an address of the pool.
	Listen func(ctx context.Context, at netip.AddrPort) (net.Listener, error)
	// Interval is how often a back end is tried, and how long it may take to accept a connection.
	Interval time.Duration
}

// Keeper makes, serves and removes balancers. All it knows is in files, so a new Keeper takes over from an old one; two
// at the same time are one too many.
type Keeper struct {
	config Config
	store  store
	mu     sync.Mutex
	// fronts are the open ports of each balancer.
	fronts map[string][]*front
}

// NewKeeper keeps balancers as config says. It touches nothing.
func NewKeeper(config Config) *Keeper {
	return &Keeper{config: config, store: store(config.State), fronts: map[string][]*front{}}
}

// Run serves all balancers that are remembered, and those that come, until ctx ends. One that cannot be served is tried
// again when it is asked for.
func (k *Keeper) Run(ctx context.Context) error {
	if err := k.resume(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	k.mu.Lock()
	defer k.mu.Unlock()
	for balancer := range k.fronts {
		k.shut(balancer)
	}
	return nil
}

func (k *Keeper) resume(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	all, err := k.store.records()
	if err != nil {
		return err
	}
	for _, r := range all {
		if err := k.serve(ctx, r); err != nil {
			klog.ErrorS(err, "A load balancer is not served", "name", r.Name)
		}
	}
	return nil
}

// Ensure makes a balancer unless it exists, and gives it these back ends. Its address never changes. The error is
// ErrInvalid or ErrPoolExhausted of package machine, or what the host said.
func (k *Keeper) Ensure(ctx context.Context, spec Spec) (State, error) {
	if err := spec.validate(); err != nil {
		return State{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	r, err := k.claim(spec)
	if err != nil {
		return State{}, err
	}
	if err := k.serve(ctx, r); err != nil {
		return State{}, err
	}
	return k.state(r), nil
}

// claim finds the record of a balancer, or makes one with a free address, and writes down what is wished.
func (k *Keeper) claim(spec Spec) (record, error) {
	if r, err := k.store.recall(spec.Name); err == nil {
		return k.renew(r, spec)
	}
	address, err := k.store.free(k.config.Pool)
	if err != nil {
		return record{}, err
	}
	r := record{Spec: spec, Address: address}
	return r, k.store.remember(r)
}

func (k *Keeper) renew(r record, spec Spec) (record, error) {
	samePorts := slices.Equal(r.Ports, spec.Ports)
	if samePorts && slices.Equal(r.Backends, spec.Backends) {
		return r, nil
	}
	if !samePorts {
		k.shut(spec.Name)
	}
	renewed := record{Spec: spec, Address: r.Address}
	return renewed, k.store.remember(renewed)
}

// serve opens the ports of a balancer unless they are open, and passes on to its back ends what comes.
func (k *Keeper) serve(ctx context.Context, r record) error {
	if k.fronts[r.Name] == nil {
		fronts, err := k.open(ctx, r)
		if err != nil {
			return err
		}
		k.fronts[r.Name] = fronts
	}
	for _, f := range k.fronts[r.Name] {
		f.set(r.Backends)
	}
	return nil
}

func (k *Keeper) open(ctx context.Context, r record) ([]*front, error) {
	var fronts []*front
	for _, port := range r.Ports {
		at := netip.AddrPortFrom(r.Address, port)
		listener, err := k.config.Listen(ctx, at)
		if err != nil {
			for _, f := range fronts {
				f.close()
			}
			return nil, fmt.Errorf("opening %s of load balancer %s: %w", at, r.Name, err)
		}
		// It outlives the request that it is made for.
		fronts = append(fronts, newFront(context.WithoutCancel(ctx), listener, port, k.config.Interval))
	}
	return fronts, nil
}

func (k *Keeper) shut(balancer string) {
	for _, f := range k.fronts[balancer] {
		f.close()
	}
	delete(k.fronts, balancer)
}

// List returns the state of all balancers, by name.
func (k *Keeper) List() ([]State, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	all, err := k.store.records()
	if err != nil {
		return nil, err
	}
	states := make([]State, 0, len(all))
	for _, r := range all {
		states = append(states, k.state(r))
	}
	return states, nil
}

// Remove ends a balancer with all its connections. One that does not exist is no error.
func (k *Keeper) Remove(balancer string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.shut(balancer)
	return k.store.forget(balancer)
}

func (k *Keeper) state(r record) State {
	state := State{Name: r.Name, Address: r.Address}
	for _, f := range k.fronts[r.Name] {
		state.Backends = append(state.Backends, f.state()...)
	}
	return state
}

// isClosed says whether an error only tells that somebody has closed what was used.
func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }
