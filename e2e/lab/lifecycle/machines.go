// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"io"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/lab/images"
	"github.com/k0smotron/k0smotron/e2e/lab/k0s"
	"github.com/k0smotron/k0smotron/e2e/lab/machines"
)

// prepareMachines builds what machines and hosted control planes are made of and starts the machine agent. The first
// time installs a Debian, which takes minutes; then all is in the cache.
func (l *Lab) prepareMachines(ctx context.Context) (string, error) {
	binary, err := k0s.Find(ctx, l.Paths)
	if err != nil {
		return "", err
	}
	if err := machines.Prepare(ctx, l.Paths, binary, io.Discard); err != nil {
		return "", err
	}
	_, err = l.programs().Ensure(ctx, machines.Agent(l.Paths, l.ownProgram(machines.AgentProgram)))
	return binary.Origin, err
}

// importK0s imports the images that the pods of hosted control planes run.
func (l *Lab) importK0s(ctx context.Context) (string, error) {
	binary, err := k0s.Find(ctx, l.Paths)
	if err != nil {
		return "", err
	}
	for _, img := range k0s.Images(l.Paths, binary) {
		if err := images.Ensure(ctx, l.Paths, img); err != nil {
			return "", err
		}
	}
	return binary.Origin, nil
}

func (l *Lab) destroyMachines(ctx context.Context) (string, error) {
	names, err := machines.DestroyAll(ctx, l.Paths)
	return strings.Join(names, " "), err
}
