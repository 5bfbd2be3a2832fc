// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/k0smotron/k0smotron/e2e/image"
)

// nonroot is the user of every manager, as in the Pod Security settings of its Deployment.
const nonroot = "65532:65532"

// versionVariable is where a manager keeps the version it reports.
const versionVariable = "github.com/k0smotron/k0smotron/shared/manager.version"

// BuildManager compiles the provider's manager: static, without paths of this machine, outside the workspace so that
// its go.mod is proved on its own.
func BuildManager(ctx context.Context, root string, p Provider, version, output string) error {
	path, err := filepath.Abs(output)
	if err != nil {
		return fmt.Errorf("finding the output: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X "+versionVariable+"="+version, "-o", path, ".")
	cmd.Dir = filepath.Join(root, p.Folder)
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if message, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the manager of %s: %w\n%s", p.Product, err, message)
	}
	return nil
}

// ManagerImage is the image of a provider around a manager that is compiled already: that one file and nothing else.
// A manager talks to API servers whose CAs it is given, so there are no public CAs in it.
func ManagerImage(p Provider, version, manager string) image.Image {
	return image.Image{
		Name:        p.image() + ":" + version,
		Files:       []image.File{{Path: "/manager", Source: manager, Mode: 0o755}},
		Entrypoint:  []string{"/manager"},
		User:        nonroot,
		WorkingDir:  "/",
		Compression: image.Gzip,
		Labels: map[string]string{
			"org.opencontainers.image.title":       p.Product,
			"org.opencontainers.image.description": p.Summary,
			"org.opencontainers.image.licenses":    "Apache-2.0",
			"org.opencontainers.image.source":      "https://github.com/k0smotron/k0smotron",
			"org.opencontainers.image.version":     version,
		},
	}
}

// WriteImage compiles the manager and writes the provider's image archive.
func WriteImage(ctx context.Context, root string, layout Layout, p Provider, version string) error {
	temporary, err := os.MkdirTemp("", "manager")
	if err != nil {
		return fmt.Errorf("making a place to build: %w", err)
	}
	defer os.RemoveAll(temporary)
	manager := filepath.Join(temporary, "manager")
	if err := BuildManager(ctx, root, p, version, manager); err != nil {
		return err
	}
	archive := layout.Image(p, version)
	if err := os.MkdirAll(filepath.Dir(archive), 0o755); err != nil {
		return fmt.Errorf("making directory: %w", err)
	}
	return image.Write(archive, ManagerImage(p, version, manager))
}
