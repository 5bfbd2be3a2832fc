// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"k8s.io/klog/v2"
)

// tolerated is how many tries in a row may fail before a back end that answered counts as gone.
const tolerated = 1

// backend is one port of one machine.
type backend struct {
	target netip.AddrPort
	// stop ends the tries.
	stop context.CancelFunc

	mu       sync.Mutex
	up, gone bool
	// failures counts those since the last success.
	failures    int
	connections map[*link]bool
}

// link is a client and the back end it is connected to.
type link struct{ client, server net.Conn }

func (l *link) close() {
	_ = l.client.Close() // One that is closed already is as it should be.
	_ = l.server.Close()
}

// watch tries the back end again and again.
func (b *backend) watch(ctx context.Context, interval time.Duration) {
	for {
		connection, err := b.dial(ctx, interval)
		if err == nil {
			_ = connection.Close()
		}
		if ctx.Err() != nil {
			return
		}
		b.note(err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
		}
	}
}

func (b *backend) dial(ctx context.Context, limit time.Duration) (net.Conn, error) {
	return (&net.Dialer{Timeout: limit}).DialContext(ctx, "tcp", b.target.String())
}

// note takes down how a try ended.
func (b *backend) note(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		if b.failures = 0; !b.up && !b.gone {
			b.up = true
			klog.InfoS("A back end answers", "target", b.target)
		}
		return
	}
	if b.failures++; b.up && b.failures > tolerated {
		b.up = false
		klog.InfoS("A back end does not answer", "target", b.target, "connections", len(b.connections), "err", err)
		b.end()
	}
}

// drop ends a back end for good.
func (b *backend) drop() {
	b.stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.up, b.gone = false, true
	b.end()
}

// end ends all connections.
func (b *backend) end() {
	for l := range b.connections {
		l.close()
	}
}

func (b *backend) answers() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.up
}

func (b *backend) state() Backend {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Backend{Target: b.target, Up: b.up, Connections: len(b.connections)}
}

// carry passes on what both sides say until both have finished, one has failed, or the back end is gone.
func (b *backend) carry(client, server net.Conn) {
	l := &link{client: client, server: server}
	if !b.add(l) {
		l.close()
		return
	}
	var ways sync.WaitGroup
	ways.Go(func() { l.copy(server, client) })
	ways.Go(func() { l.copy(client, server) })
	ways.Wait()
	l.close()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.connections, l)
}

// add is false when the back end has gone meanwhile.
func (b *backend) add(l *link) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.up {
		return false
	}
	b.connections[l] = true
	return true
}

// copy passes on one way, and at its end tells that nothing more will come.
func (l *link) copy(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		l.close()
		return
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // Fails if the other side has closed, too.
	}
}
