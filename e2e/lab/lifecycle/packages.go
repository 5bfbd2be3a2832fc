// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/lab/host"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// installed lists the packages that labs on this machine have installed, one a line. It is in the cache, which stays as
// long as the packages do.
func (l *Lab) installed() string { return filepath.Join(l.Paths.Cache, "installed-packages") }

func (l *Lab) installPackages(ctx context.Context) (string, error) {
	added, err := host.InstallPackages(ctx, host.Packages())
	if err != nil {
		return "", err
	}
	if len(added) == 0 {
		return "all there", nil
	}
	return strings.Join(added, " "), l.rememberPackages(added)
}

func (l *Lab) rememberPackages(added []string) error {
	all, err := l.rememberedPackages()
	if err != nil {
		return err
	}
	all = append(all, added...)
	slices.Sort(all)
	return layout.Write(l.installed(), []byte(strings.Join(slices.Compact(all), "\n")+"\n"), 0o644)
}

func (l *Lab) rememberedPackages() ([]string, error) {
	content, err := os.ReadFile(l.installed())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("reading which packages were installed: %w", err)
	}
	return strings.Fields(string(content)), nil
}

// listPackages tells which packages a person may want to remove.
func (l *Lab) listPackages(context.Context) (string, error) {
	names, err := l.rememberedPackages()
	if len(names) == 0 {
		return "none, all were there before the lab", err
	}
	return strings.Join(names, " "), nil
}
