// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// ListenIn opens a TCP port of an address that a network namespace has. Whoever accepts from it may be anywhere.
func ListenIn(ctx context.Context, netns string, at netip.AddrPort) (net.Listener, error) {
	type answer struct {
		listener net.Listener
		err      error
	}
	answers := make(chan answer)
	go func() {
		// Never unlocked: the thread ends with this function, so nothing else ever runs in that namespace.
		runtime.LockOSThread()
		listener, err := listenHere(ctx, netns, at)
		answers <- answer{listener, err}
	}()
	opened := <-answers
	return opened.listener, opened.err
}

// listenHere takes the calling thread into the namespace.
func listenHere(ctx context.Context, netns string, at netip.AddrPort) (net.Listener, error) {
	namespace, err := os.Open(filepath.Join(netnsDir, netns))
	if err != nil {
		return nil, fmt.Errorf("entering a network namespace: %w", err)
	}
	defer namespace.Close()
	if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("entering network namespace %s: %w", netns, err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", at.String())
	if err != nil {
		return nil, fmt.Errorf("listening in network namespace %s: %w", netns, err)
	}
	return listener, nil
}
