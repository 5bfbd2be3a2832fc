// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// exclusively runs work while no other command changes this lab, and waits for one that does. A `lab up` that was given
// up by whoever started it may still run: beside a `lab down` it would go on starting programs that nobody knows of.
func (l *Lab) exclusively(ctx context.Context, work func(context.Context) error) error {
	lock, err := l.acquire(ctx)
	if err != nil {
		return err
	}
	return errors.Join(work(ctx), lock.Close())
}

// acquire takes the lock: a socket without a file, which the kernel takes away from a process that ends, however it ends.
func (l *Lab) acquire(ctx context.Context) (net.Listener, error) {
	name := "@k0smotron-lab" + l.Paths.State
	for told := false; ; told = true {
		lock, err := (&net.ListenConfig{}).Listen(ctx, "unix", name)
		if err == nil {
			return lock, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("locking the lab: %w", err)
		}
		if !told && l.Out != nil {
			fmt.Fprintf(l.Out, "waiting for process %s, which changes this lab, to end\n", holder(ctx, name))
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for process %s, which changes this lab: %w", holder(ctx, name), ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// holder is the id of the process that listens on a socket of this machine, as the kernel knows it.
func holder(ctx context.Context, name string) string {
	const unknown = "(already gone)"
	connection, err := (&net.Dialer{}).DialContext(context.WithoutCancel(ctx), "unix", name)
	if err != nil {
		return unknown
	}
	defer connection.Close()
	socket, ok := connection.(*net.UnixConn)
	if !ok {
		return unknown
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return unknown
	}
	pid := unknown
	err = raw.Control(func(fd uintptr) {
		if peer, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			pid = fmt.Sprint(peer.Pid)
		}
	})
	if err != nil {
		return unknown
	}
	return pid
}
