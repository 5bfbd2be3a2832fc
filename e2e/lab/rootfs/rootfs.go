// SPDX-License-Identifier: Apache-2.0

// Package rootfs builds the root file system that all machines of the lab share: Debian with systemd, the real
// cloud-init, and what a k0s worker without embedded programs expects to find on its host.
//
// It is built once and kept in the cache under a name that changes with everything it is made from.
// Machines lay an overlay on it and never write to it.
package rootfs

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
)

// suite is the Debian release.
const suite = "bookworm"

// packages are what debootstrap adds to a minimal Debian. It does not resolve virtual packages, so
// python3-cffi-backend, which cloud-init needs by way of one, is named.
var packages = []string{
	"systemd", "systemd-sysv", "dbus", "cloud-init", "python3-cffi-backend",
	"iproute2", "iptables", "conntrack", "kmod", "mount", "netbase", "procps", "ca-certificates", "curl",
	"containerd", "runc", "containernetworking-plugins",
}

var (
	//go:embed all:files
	files embed.FS
	//go:embed setup.sh
	setup string
)

// Name is the name of the root file system in the cache; it changes with everything the root file system is made from.
func Name() (string, error) {
	hash := sha256.New()
	fmt.Fprintln(hash, suite, strings.Join(packages, ","), setup)
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := files.ReadFile(path)
		fmt.Fprintln(hash, path, string(content))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hashing the files of the root file system: %w", err)
	}
	return "rootfs-" + hex.EncodeToString(hash.Sum(nil))[:12], nil
}

// Ensure returns the directory of the root file system in the cache, building it first if it is not there.
// Building needs root and a Debian mirror and takes some minutes; progress gets a line per step.
func Ensure(ctx context.Context, cache string, progress io.Writer) (string, error) {
	name, err := Name()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("making the cache: %w", err)
	}
	building, err := os.MkdirTemp(cache, name+".building-")
	if err != nil {
		return "", fmt.Errorf("making room for the root file system: %w", err)
	}
	defer os.RemoveAll(building)
	if err := build(ctx, building, progress); err != nil {
		return "", fmt.Errorf("building the root file system: %w", err)
	}
	if err := os.Rename(building, dir); err != nil {
		return "", fmt.Errorf("keeping the root file system: %w", err)
	}
	return dir, nil
}

func build(ctx context.Context, root string, progress io.Writer) error {
	if err := os.Chmod(root, 0o755); err != nil {
		return err
	}
	fmt.Fprintf(
		progress,
		"machine image: installing Debian %s with %d packages and what they need\n",
		suite,
		len(packages),
	)
	err := command.Run(ctx, "debootstrap", "--variant=minbase", "--include="+strings.Join(packages, ","), suite, root)
	if err != nil {
		return err
	}
	fmt.Fprintln(progress, "machine image: configuring it")
	if err := copyFiles(root); err != nil {
		return err
	}
	return command.Feed(ctx, strings.NewReader(setup), "chroot", root, "sh", "-s")
}

func copyFiles(root string) error {
	return fs.WalkDir(files, "files", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(root, strings.TrimPrefix(path, "files"))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		content, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o644)
	})
}
