// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"k8s.io/utils/clock"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/step"
)

// New is the lab of the source tree that the working directory is in. It reports its steps on out.
func New(out io.Writer) (*Lab, error) {
	repo, err := sourceTree()
	if err != nil {
		return nil, err
	}
	paths, err := layout.Default(repo)
	if err != nil {
		return nil, err
	}
	if err := stayAwayFromHome(paths); err != nil {
		return nil, err
	}
	realTime := clock.RealClock{}
	return &Lab{Paths: paths, Printer: step.NewPrinter(out, realTime), Clock: realTime, Out: out}, nil
}

// stayAwayFromHome makes kubectl and clusterctl, which get our environment, leave no file in the user's home directory.
func stayAwayFromHome(p layout.Paths) error {
	return errors.Join(
		os.Setenv("KUBECACHEDIR", filepath.Join(p.Cache, "kubectl")),
		os.Setenv("CLUSTERCTL_DISABLE_VERSIONCHECK", "true"),
	)
}

// sourceTree finds the source tree: the nearest directory upwards that holds go.work.
func sourceTree() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the source tree: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("finding the source tree: no go.work in %s or above; run this in a clone", start)
		}
	}
}
