// SPDX-License-Identifier: Apache-2.0

// Command demo creates a management cluster, installs the providers and creates a k0s cluster with one joined node, on
// this machine. It shows what happens on the way and what there is at the end.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/e2e/demo/progress"
	"github.com/k0smotron/k0smotron/e2e/demo/tour"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/lifecycle"
	"github.com/k0smotron/k0smotron/e2e/lab/machines"
	"github.com/k0smotron/k0smotron/e2e/lab/mgmt"
)

const (
	namespace = "default"
	cluster   = "demo"
	// patience is how long the cluster may take; with everything built it takes about two minutes.
	patience = 10 * time.Minute
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		fmt.Fprintln(os.Stderr, "What there is stays for a look: `make lab-status`. To remove it: `make demo-clean`.")
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	lab, err := lifecycle.New(out)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "A management cluster on this machine, with Cluster API and the providers:")
	if err := lab.Up(ctx); err != nil {
		return err
	}
	if err := lab.Init(ctx); err != nil {
		return err
	}
	reached, err := create(ctx, lab, out)
	if err != nil {
		return err
	}
	guide := tour.Tour{Paths: lab.Paths, Out: out, Cluster: cluster, Namespace: namespace}
	if err := guide.Run(ctx); err != nil {
		return err
	}
	summarise(out, lab, guide, reached)
	return nil
}

// create applies the cluster and follows it until all of it is as it should be.
func create(ctx context.Context, lab *lifecycle.Lab, out io.Writer) ([]progress.Reached, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("the cluster was not ready within %s", patience))
	defer cancel()
	manifests, err := machines.Manifests(lab.Paths, filepath.Join(lab.Paths.Repo, "e2e", "testdata", "demo"))
	if err != nil {
		return nil, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", lab.Paths.Kubeconfig())
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig of the management cluster: %w", err)
	}
	c, err := client.New(config, client.Options{})
	if err != nil {
		return nil, fmt.Errorf("connecting to the management cluster: %w", err)
	}
	fmt.Fprintf(out, "\nA k0s cluster, from e2e/testdata/demo: time, object, condition, status, and what is awaited:\n")
	if err := mgmt.Apply(ctx, lab.Paths, manifests); err != nil {
		return nil, err
	}
	return progress.New(out, clock.RealClock{}).Follow(ctx, c, namespace, progress.Goals())
}

func summarise(out io.Writer, lab *lifecycle.Lab, guide tour.Tour, reached []progress.Reached) {
	fmt.Fprintf(out, "\nSeconds from `kubectl apply` until\n")
	for _, phase := range reached {
		fmt.Fprintf(out, "  %-26s %6.1f\n", phase.Phase, phase.After.Seconds())
	}
	fmt.Fprintf(out, "\nk0s:                 %s\n", lab.K0s())
	fmt.Fprintf(out, "kubectl, clusterctl: export PATH=%s:%s:$PATH\n",
		filepath.Dir(guide.Paths.Kubernetes("kubectl")),
		filepath.Dir(guide.Paths.Bin("capi", layout.ClusterAPIVersion, "clusterctl")))
	fmt.Fprintf(out, "Management cluster:  export KUBECONFIG=%s\n", guide.Paths.Kubeconfig())
	fmt.Fprintf(out, "The k0s cluster:     export KUBECONFIG=%s\n", guide.Kubeconfig())
	fmt.Fprintln(out, "What to look at:     docs/what-you-see.md")
	fmt.Fprintln(out, "Clean up:            make demo-clean")
}
