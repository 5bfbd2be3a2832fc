// SPDX-License-Identifier: Apache-2.0

// Package process runs the programs that k0s is made of and keeps them running.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	respawnAfter = 5 * time.Second
	stopTimeout  = 20 * time.Second
)

// Process is one program. Its output goes to Output, every line as it comes.
type Process struct {
	Name   string
	Path   string
	Args   []string
	Dir    string
	UID    int
	Output io.Writer

	cancel context.CancelFunc
	done   chan struct{}
}

// Find looks for a program in binDir, then on PATH.
func Find(binDir, name string) (string, error) {
	if staged := filepath.Join(binDir, name); isFile(staged) {
		return staged, nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("looking for %s in %s and on PATH: %w", name, binDir, err)
	}
	return path, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Start runs the program and starts it again five seconds after each exit. Only a first start that fails is an error.
func (p *Process) Start(ctx context.Context) error {
	ctx, p.cancel = context.WithCancel(ctx)
	p.done = make(chan struct{})
	started := make(chan error, 1)
	go p.supervise(ctx, started)
	if err := <-started; err != nil {
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	return nil
}

// Stop asks the program to end and waits until it has.
func (p *Process) Stop() {
	if p.cancel != nil {
		p.cancel()
		<-p.done
	}
}

// supervise keeps to one thread: the kernel ends a child whose parent thread ends, which is how no program outlives a
// killed stand-in.
func (p *Process) supervise(ctx context.Context, started chan<- error) {
	runtime.LockOSThread()
	defer close(p.done)
	command, err := p.exec(ctx)
	started <- err
	if err != nil {
		return
	}
	for !p.wait(ctx, command) {
		for retry := true; retry; {
			select {
			case <-ctx.Done():
				return
			case <-time.After(respawnAfter):
			}
			if command, err = p.exec(ctx); err != nil {
				p.logf("starting again: %v", err)
			}
			retry = err != nil
		}
	}
}

// wait returns when the program ended; true means that it was told to.
func (p *Process) wait(ctx context.Context, command *exec.Cmd) bool {
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	select {
	case err := <-ended:
		p.logf("ended: %v", err)
		return false
	case <-ctx.Done():
	}
	_ = command.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-ended:
		p.logf("stopped: %v", err)
	case <-time.After(stopTimeout):
		_ = command.Process.Kill()
		p.logf("killed: %v", <-ended)
	}
	return true
}

func (p *Process) exec(ctx context.Context) (*exec.Cmd, error) {
	// The end of ctx does not kill the program: it is asked to end first.
	command := exec.CommandContext(context.WithoutCancel(ctx), p.Path, p.Args...)
	command.Dir = p.Dir
	command.Stdout, command.Stderr = p.Output, p.Output
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if os.Geteuid() == 0 {
		command.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(p.UID)}
	}
	return command, command.Start()
}

func (p *Process) logf(format string, args ...any) {
	fmt.Fprintf(p.Output, "k0s stand-in: %s "+format+"\n", append([]any{p.Name}, args...)...)
}

// Group is the programs of one node; they end in the reverse order of their start.
type Group struct {
	mu      sync.Mutex
	running []*Process
}

// Start starts p as the youngest of the group.
func (g *Group) Start(ctx context.Context, p *Process) error {
	if err := p.Start(ctx); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running = append(g.running, p)
	return nil
}

// Stop ends p and forgets it.
func (g *Group) Stop(p *Process) {
	p.Stop()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running = slices.DeleteFunc(g.running, func(other *Process) bool { return other == p })
}

// StopAll ends all programs, the youngest first.
func (g *Group) StopAll() {
	g.mu.Lock()
	running := g.running
	g.running = nil
	g.mu.Unlock()
	for _, p := range slices.Backward(running) {
		p.Stop()
	}
}

// WaitFor asks check every 100 ms until it answers nil or limit has passed.
func WaitFor(ctx context.Context, limit time.Duration, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
