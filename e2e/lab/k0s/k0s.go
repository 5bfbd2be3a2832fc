// SPDX-License-Identifier: Apache-2.0

// Package k0s finds the k0s that the lab runs and packs it into the images that hosted control planes use.
//
// There are three sources, in this order: the file named by the environment variable K0S_BINARY, the official release
// if it can be downloaded, and the lab's own stand-in. The stand-in exists only so that the lab works without internet;
// wherever it is used it is called by that name.
package k0s

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// Version is the release of k0s that the lab runs and names in its manifests, whichever source it comes from.
const Version = "v1.36.3+k0s.2"

// Variable is the environment variable that names a k0s binary to use.
const Variable = "K0S_BINARY"

// NextVariable is the environment variable that names a k0s of another release, for scenarios that change the version.
const NextVariable = "K0S_NEXT_BINARY"

// Binary is a k0s to run.
type Binary struct {
	// Path is the executable on this host.
	Path string
	// Version is what it says it is.
	Version string
	// Origin tells a person where it comes from.
	Origin string
}

// Find returns the k0s of this lab and builds the stand-in where it is needed.
func Find(ctx context.Context, p layout.Paths) (Binary, error) {
	if path := os.Getenv(Variable); path != "" {
		return given(ctx, path)
	}
	binary, err := official(ctx, release(layout.Arch()), filepath.Join(p.Cache, "k0s-official"))
	if err == nil {
		return binary, nil
	}
	if !errors.Is(err, errUnreachable) {
		return Binary{}, err
	}
	return standIn(ctx, p)
}

// given checks that the file is the k0s that the lab's manifests name: another one would fail later, and less clearly.
func given(ctx context.Context, path string) (Binary, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Binary{}, fmt.Errorf("resolving %s: %w", Variable, err)
	}
	version, err := versionOf(ctx, path)
	if err != nil {
		return Binary{}, fmt.Errorf("asking %s=%s for its version: %w", Variable, path, err)
	}
	if version != Version {
		return Binary{}, fmt.Errorf("%s=%s is k0s %s, the lab needs %s", Variable, path, version, Version)
	}
	return Binary{Path: path, Version: Version, Origin: "k0s " + Version + " from " + Variable}, nil
}

// Next returns the k0s of another release, and whether there is one.
func Next(ctx context.Context) (next Binary, found bool, err error) {
	path := os.Getenv(NextVariable)
	if path == "" {
		return Binary{}, false, nil
	}
	version, err := versionOf(ctx, path)
	if err != nil {
		return Binary{}, false, fmt.Errorf("asking %s=%s for its version: %w", NextVariable, path, err)
	}
	if version == Version {
		return Binary{}, false, fmt.Errorf("%s=%s is k0s %s, too: name another release", NextVariable, path, version)
	}
	return Binary{Path: path, Version: version, Origin: "k0s " + version + " from " + NextVariable}, true, nil
}

func versionOf(ctx context.Context, path string) (string, error) {
	version, err := command.Output(ctx, path, "version")
	return strings.TrimSpace(version), err
}

func standIn(ctx context.Context, p layout.Paths) (Binary, error) {
	path := filepath.Join(p.Cache, "bin", "lab", "k0sstandin")
	err := command.Run(ctx, "env", "CGO_ENABLED=0", "go", "build", "-C", filepath.Join(p.Repo, "e2e"),
		"-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", path, "./lab/k0sstandin")
	if err != nil {
		return Binary{}, fmt.Errorf("building the stand-in for k0s: %w", err)
	}
	return Binary{
		Path: path, Version: Version,
		Origin: "the lab's stand-in for k0s: neither " + Variable + " nor the internet is there",
	}, nil
}
