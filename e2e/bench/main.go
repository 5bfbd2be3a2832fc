// SPDX-License-Identifier: Apache-2.0

// Command bench measures how long a hosted control plane takes, beside the same k0s alone on the same machine.
//
// Raw: from the exec of k0s, with etcd of its own on the same disk and the k0s.yaml of the hosted control plane but for
// its addresses, to the first 200 on /readyz. Hosted: from the Cluster accepted by the management cluster to the first
// 200 on /readyz through the endpoint that machines use. It also counts what the manager asked of the API server.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/k0smotron/k0smotron/e2e/lab/k0s"
	"github.com/k0smotron/k0smotron/e2e/lab/lifecycle"
)

// Limits that hold with a real k0s.
const (
	mostRatio  = 1.5
	mostWrites = 30
	mostReads  = 30
)

func main() {
	runs := flag.Int("runs", 3, "how often each is measured; the median counts")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := bench(ctx, os.Stdout, *runs)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, out io.Writer, runs int) error {
	lab, err := lifecycle.New(out)
	if err != nil {
		return err
	}
	if err := lab.Up(ctx); err != nil {
		return err
	}
	if err := lab.Init(ctx); err != nil {
		return err
	}
	binary, err := k0s.Find(ctx, lab.Paths)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nMeasuring %s\n", binary.Origin)
	b := &benchmark{out: out, paths: lab.Paths, binary: binary}
	results, err := b.measure(ctx, runs)
	if err != nil {
		return err
	}
	return judge(out, results)
}

// result is one run of both.
type result struct {
	raw, hosted   time.Duration
	writes, reads int
}

// measure takes turns, so that what else the machine does falls on both alike. One run of each before that warms the
// page cache and counts for nothing.
func (b *benchmark) measure(ctx context.Context, runs int) ([]result, error) {
	var results []result
	for i := range runs + 1 {
		hosted, err := b.hosted(ctx, fmt.Sprintf("bench-%d", i))
		if err != nil {
			return nil, fmt.Errorf("hosted control plane: %w", err)
		}
		hosted.raw, err = b.raw(ctx)
		if err != nil {
			return nil, fmt.Errorf("k0s alone: %w", err)
		}
		what := fmt.Sprintf("run %d", i)
		if i == 0 {
			what = "warm-up"
		} else {
			results = append(results, hosted)
		}
		fmt.Fprintf(b.out, "%-8s raw %5.1f s  hosted %5.1f s  writes %d  reads %d\n",
			what, hosted.raw.Seconds(), hosted.hosted.Seconds(), hosted.writes, hosted.reads)
	}
	return results, nil
}

// judge prints the medians and holds them against the limits.
func judge(out io.Writer, results []result) error {
	raw := median(results, func(r result) time.Duration { return r.raw })
	hosted := median(results, func(r result) time.Duration { return r.hosted })
	writes := slices.MaxFunc(results, func(a, b result) int { return cmp.Compare(a.writes, b.writes) }).writes
	reads := slices.MaxFunc(results, func(a, b result) int { return cmp.Compare(a.reads, b.reads) }).reads
	ratio := hosted.Seconds() / raw.Seconds()
	fmt.Fprintf(out, "\nmedian of %d: raw %.1f s, hosted %.1f s = %.2f × raw (limit %.1f ×)\n",
		len(results), raw.Seconds(), hosted.Seconds(), ratio, mostRatio)
	fmt.Fprintf(out, "manager, up to Available, at most: %d writes (limit %d), %d reads (limit %d)\n",
		writes, mostWrites, reads, mostReads)
	if ratio > mostRatio || writes > mostWrites || reads > mostReads {
		return errors.New("a limit does not hold")
	}
	return nil
}

func median(results []result, of func(result) time.Duration) time.Duration {
	all := make([]time.Duration, 0, len(results))
	for _, r := range results {
		all = append(all, of(r))
	}
	slices.Sort(all)
	return all[len(all)/2]
}
