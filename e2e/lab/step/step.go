// SPDX-License-Identifier: Apache-2.0

// Package step reports progress: one line per step, with the time it took.
package step

import (
	"context"
	"fmt"
	"io"
	"sync"

	"k8s.io/utils/clock"
)

// Step is one named piece of work.
type Step struct {
	// Name says what is done, as a person would: "starting etcd".
	Name string
	// Run does it. The text it returns, if any, is shown behind the name.
	Run func(ctx context.Context) (string, error)
}

// Printer runs steps and prints a line for each.
type Printer struct {
	out   io.Writer
	clock clock.PassiveClock
	mu    sync.Mutex
}

// NewPrinter prints to out and takes times from c.
func NewPrinter(out io.Writer, c clock.PassiveClock) *Printer {
	return &Printer{out: out, clock: c}
}

// Run runs the steps one after another and stops at the first that fails.
func (p *Printer) Run(ctx context.Context, steps ...Step) error {
	for _, s := range steps {
		if err := p.one(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (p *Printer) one(ctx context.Context, s Step) error {
	start := p.clock.Now()
	note, err := s.Run(ctx)
	took := p.clock.Since(start).Seconds()
	if err != nil {
		p.printf("✗ %-46s %6.1fs\n", s.Name, took)
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	p.printf("✓ %-46s %6.1fs  %s\n", s.Name, took, note)
	return nil
}

func (p *Printer) printf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, format, args...)
}

// Parallel groups steps that may run at the same time; each prints its own line when it ends.
// The first error ends the group and cancels the others.
func (p *Printer) Parallel(ctx context.Context, steps ...Step) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wait sync.WaitGroup
	for _, s := range steps {
		wait.Go(func() {
			if err := p.one(ctx, s); err != nil {
				cancel(err)
			}
		})
	}
	wait.Wait()
	return context.Cause(ctx)
}
