// SPDX-License-Identifier: Apache-2.0

// Command dist builds what a release publishes.
//
//	dist [-root .] [-out dist] all     components, charts, images and clusterctl.yaml into the output directory
//	dist [-root .] chart               the charts in the folders of the providers
//	dist [-root .] [-out dist] image   the image archives alone
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/k0smotron/k0smotron/e2e/dist"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

// job is one run: from which repository to where.
type job struct {
	root     string
	layout   dist.Layout
	progress io.Writer
}

func run(ctx context.Context, arguments []string, progress io.Writer) error {
	flags := flag.NewFlagSet("dist", flag.ContinueOnError)
	flags.SetOutput(progress)
	root := flags.String("root", ".", "the repository")
	out := flags.String("out", "dist", "output directory")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	j := job{root: *root, layout: dist.Layout{Out: *out}, progress: progress}
	switch flags.Arg(0) {
	case "all":
		if err := j.each(ctx, j.repository, j.chartArchive, j.image); err != nil {
			return err
		}
		return dist.WriteClusterctl(j.layout, dist.Providers())
	case "chart":
		return j.each(ctx, j.chart)
	case "image":
		return j.each(ctx, j.image)
	default:
		return errors.New("want one of all, chart, image")
	}
}

// part makes one thing of one provider and returns where it is.
type part func(ctx context.Context, p dist.Provider, manifests dist.Manifests) (string, error)

func (j job) each(ctx context.Context, parts ...part) error {
	for _, p := range dist.Providers() {
		manifests, err := dist.Render(j.root, p)
		if err != nil {
			return err
		}
		for _, build := range parts {
			started := time.Now()
			path, err := build(ctx, p, manifests)
			if err != nil {
				return err
			}
			fmt.Fprintf(j.progress, "    %s (%s)\n", path, time.Since(started).Round(100*time.Millisecond))
		}
	}
	return nil
}

func (j job) repository(_ context.Context, p dist.Provider, manifests dist.Manifests) (string, error) {
	return j.layout.Repository(p, manifests.Version), dist.WriteRepository(j.root, j.layout, p, manifests)
}

func (j job) chart(_ context.Context, p dist.Provider, manifests dist.Manifests) (string, error) {
	chart, err := dist.NewChart(p, manifests)
	if err != nil {
		return "", err
	}
	return p.ChartDir(j.root), chart.WriteDir(p.ChartDir(j.root))
}

func (j job) chartArchive(_ context.Context, p dist.Provider, manifests dist.Manifests) (string, error) {
	chart, err := dist.NewChart(p, manifests)
	if err != nil {
		return "", err
	}
	path := j.layout.Chart(p, manifests.Version)
	return path, chart.WriteArchive(path)
}

func (j job) image(ctx context.Context, p dist.Provider, manifests dist.Manifests) (string, error) {
	return j.layout.Image(p, manifests.Version), dist.WriteImage(ctx, j.root, j.layout, p, manifests.Version)
}
