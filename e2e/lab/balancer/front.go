// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"k8s.io/klog/v2"
)

// front takes the connections to one port of a balancer and passes each to a back end that answers.
type front struct {
	listener net.Listener
	port     uint16
	interval time.Duration
	// start begins to try a back end, until it is told to stop.
	start func(b *backend) (stop context.CancelFunc)
	end   context.CancelFunc

	mu       sync.Mutex
	backends map[netip.Addr]*backend
	// turn is how many connections have come: they go round.
	turn int
}

func newFront(ctx context.Context, listener net.Listener, port uint16, interval time.Duration) *front {
	ctx, end := context.WithCancel(ctx)
	f := &front{
		listener: listener, port: port, interval: interval, end: end, backends: map[netip.Addr]*backend{},
	}
	f.start = func(b *backend) context.CancelFunc {
		trying, stop := context.WithCancel(ctx)
		go b.watch(trying, interval)
		return stop
	}
	go f.accept(ctx)
	return f
}

// set replaces the back ends. Those that stay keep their connections; a new one is used once it has answered.
func (f *front) set(addresses []netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for address, b := range f.backends {
		if !slices.Contains(addresses, address) {
			delete(f.backends, address)
			b.drop()
		}
	}
	for _, address := range addresses {
		if f.backends[address] == nil {
			b := &backend{target: netip.AddrPortFrom(address, f.port), connections: map[*link]bool{}}
			b.stop = f.start(b)
			f.backends[address] = b
		}
	}
}

func (f *front) accept(ctx context.Context) {
	for {
		connection, err := f.listener.Accept()
		if isClosed(err) {
			return
		}
		if err != nil {
			klog.ErrorS(err, "Accepting a connection", "at", f.listener.Addr())
			time.Sleep(f.interval) // Out of files: others have to end first.
			continue
		}
		go f.pass(ctx, connection)
	}
}

// pass connects a client to the first back end that takes it; without any its connection ends.
func (f *front) pass(ctx context.Context, client net.Conn) {
	defer client.Close()
	for _, b := range f.candidates() {
		server, err := b.dial(ctx, f.interval)
		if err != nil {
			b.note(err)
			continue
		}
		b.carry(client, server)
		return
	}
}

// candidates are the back ends that answer, beginning with the one whose turn it is.
func (f *front) candidates() []*backend {
	f.mu.Lock()
	defer f.mu.Unlock()
	var up []*backend
	for _, b := range f.sorted() {
		if b.answers() {
			up = append(up, b)
		}
	}
	f.turn++
	if len(up) == 0 {
		return nil
	}
	first := f.turn % len(up)
	return slices.Concat(up[first:], up[:first])
}

func (f *front) sorted() []*backend {
	all := make([]*backend, 0, len(f.backends))
	for _, b := range f.backends {
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b *backend) int { return cmp.Compare(a.target.String(), b.target.String()) })
	return all
}

func (f *front) state() []Backend {
	f.mu.Lock()
	defer f.mu.Unlock()
	states := make([]Backend, 0, len(f.backends))
	for _, b := range f.sorted() {
		states = append(states, b.state())
	}
	return states
}

// close ends all connections. It returns when no new one is accepted any more.
func (f *front) close() {
	if err := f.listener.Close(); err != nil && !isClosed(err) {
		klog.ErrorS(err, "Closing a load balancer", "at", f.listener.Addr())
	}
	f.set(nil)
	f.end()
}
