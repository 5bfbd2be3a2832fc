// SPDX-License-Identifier: Apache-2.0

// Command bench measures how long a hosted control plane takes, beside the same k0s alone on the same machine.
//
// Raw: from the exec of k0s, with the flags and the k0s.yaml of the hosted control plane but for its addresses, and an
// etcd of its own on the same disk, to the first 200 on /readyz. Hosted: from the Cluster accepted by the management
// cluster to the first 200 on /readyz through the endpoint that machines use. It also counts what the manager asked of
// the API server, and tells where the time of the hosted control plane goes.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/k0smotron/k0smotron/e2e/lab/k0s"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/lifecycle"
)

// patience bounds one run of one kind; polling is how often we ask, which is also the precision.
const (
	patience = 5 * time.Minute
	polling  = 50 * time.Millisecond
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
	if runs < 1 {
		return fmt.Errorf("want at least one run, got %d", runs)
	}
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
	b, err := newBenchmark(ctx, lab.Paths, out)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nMeasuring %s\n", b.binary.Origin)
	results, err := b.measure(ctx, runs)
	if err != nil {
		return err
	}
	return report{runs: results, limits: limitsFor(b.binary)}.print(out)
}

type benchmark struct {
	out    io.Writer
	paths  layout.Paths
	binary k0s.Binary
	// client reaches the management cluster. It is no kubectl, since what waits must not take the time of what is measured.
	client kubernetes.Interface
}

func newBenchmark(ctx context.Context, paths layout.Paths, out io.Writer) (*benchmark, error) {
	binary, err := k0s.Find(ctx, paths)
	if err != nil {
		return nil, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", paths.Kubeconfig())
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig of the management cluster: %w", err)
	}
	config.QPS, config.Burst = 100, 100
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connecting to the management cluster: %w", err)
	}
	return &benchmark{out: out, paths: paths, binary: binary, client: client}, nil
}

// limitsFor are those that hold for a k0s. The stand-in has other programs to start, so its ratio tells nothing.
func limitsFor(binary k0s.Binary) limits {
	l := limits{ratio: mostRatio, writes: mostWrites, reads: mostReads}
	if filepath.Base(binary.Path) == "k0sstandin" {
		l.ratio = 0
	}
	return l
}

// result is one run of both.
type result struct {
	name   string
	raw    time.Duration
	hosted hostedResult
}

// measure takes turns, so that what else the machine does falls on both alike. One run of each before that warms the
// page cache and counts for nothing.
func (b *benchmark) measure(ctx context.Context, runs int) ([]result, error) {
	var results []result
	for number := range runs + 1 {
		r := result{name: fmt.Sprintf("run %d", number)}
		if number == 0 {
			r.name = "warm-up"
		}
		var err error
		if r.hosted, err = b.hosted(ctx, fmt.Sprintf("bench-%d", number)); err != nil {
			return nil, fmt.Errorf("hosted control plane, %s: %w", r.name, err)
		}
		if r.raw, err = b.raw(ctx, number, r.hosted.recipe); err != nil {
			return nil, fmt.Errorf("k0s alone, %s: %w", r.name, err)
		}
		fmt.Fprintf(b.out, "%-8s raw %5.1f s  hosted %5.1f s\n", r.name, r.raw.Seconds(), r.hosted.took.Seconds())
		results = append(results, r)
	}
	return results, nil
}
