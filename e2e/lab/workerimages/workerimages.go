// SPDX-License-Identifier: Apache-2.0

// Package workerimages builds the container images that a k0s cluster pulls onto its workers, under the names k0s
// gives them, from programs of this machine. Machines of the lab import them and so need no registry.
//
// kube-router and metrics-server cannot be built this way; the lab's test data switches them off.
package workerimages

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/k0smotron/k0smotron/e2e/image"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// The names k0s v1.36.3 gives its images when spec.images of its configuration says nothing else.
const (
	Pause     = "quay.io/k0sproject/pause:3.10.2-0"
	Agent     = "quay.io/k0sproject/apiserver-network-proxy-agent:v0.36.0-k0s.0"
	CoreDNS   = "quay.io/k0sproject/coredns:1.14.6-k0s.0"
	KubeProxy = "quay.io/k0sproject/kube-proxy:v1.36.3-1"
)

// Hello is what the demo runs on the new cluster. It is on the machines too, since they need no registry.
const Hello = "lab.k0smotron.io/hello:v1"

// nobody runs what needs no rights. A number, since pods that must not run as root cannot check a name.
const nobody = "65532:65532"

// Programs are the binaries the images are made from.
type Programs struct {
	Pause, Agent, CoreDNS, KubeProxy, Hello string
}

// DefaultPrograms finds the programs where the lab's builds put them. kube-proxy is of the Kubernetes that k0s is.
func DefaultPrograms(paths layout.Paths) Programs {
	return Programs{
		Pause:     filepath.Join(paths.Cache, "bin", "lab", "pause"),
		Agent:     paths.Bin("konnectivity", "v0.36.0", "proxy-agent"),
		CoreDNS:   paths.Bin("coredns", layout.CoreDNSVersion, "coredns"),
		KubeProxy: paths.Bin("kubernetes", layout.KubernetesVersion+"+k0s", "kube-proxy"),
		Hello:     filepath.Join(paths.Cache, "bin", "lab", "hello"),
	}
}

// Ensure returns an archive of all images, building it in dir unless it is there. rootfs is the machines' root file
// system, from which kube-proxy gets iptables.
func Ensure(ctx context.Context, dir, rootfs string, programs Programs) (string, error) {
	firewall, err := firewallFiles(ctx, rootfs)
	if err != nil {
		return "", fmt.Errorf("collecting iptables for kube-proxy: %w", err)
	}
	images := describe(programs, firewall)
	name, err := archiveName(images)
	if err != nil {
		return "", fmt.Errorf("building worker images: %w", err)
	}
	archive := filepath.Join(dir, name)
	if _, err := os.Stat(archive); err == nil {
		return archive, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("making room for worker images: %w", err)
	}
	return archive, image.Write(archive, images...)
}

// describe says what is in each image.
func describe(programs Programs, firewall []image.File) []image.Image {
	return []image.Image{
		program(Pause, "/pause", programs.Pause),
		program(Agent, "/proxy-agent", programs.Agent),
		program(CoreDNS, "/coredns", programs.CoreDNS),
		program(Hello, "/hello", programs.Hello),
		{
			Name:  KubeProxy,
			Files: append(firewall, image.File{Path: "/usr/local/bin/kube-proxy", Source: programs.KubeProxy, Mode: 0o755}),
			Env:   []string{"PATH=/usr/local/bin:/usr/sbin"},
			Dirs:  []image.Dir{{Path: "/run"}, {Path: "/tmp", Mode: 0o1777 | fs.ModeSticky}},
		},
	}
}

func program(name, path, source string) image.Image {
	return image.Image{
		Name: name, User: nobody, Entrypoint: []string{path},
		Files: []image.File{{Path: path, Source: source, Mode: 0o755}},
	}
}

// archiveName changes when the images would: with their description, and with size or time of a source.
func archiveName(images []image.Image) (string, error) {
	hash := sha256.New()
	if err := json.NewEncoder(hash).Encode(images); err != nil {
		return "", err
	}
	for _, img := range images {
		for _, file := range img.Files {
			size, changed, err := stat(file.Source)
			if err != nil {
				return "", err
			}
			fmt.Fprintln(hash, size, changed.UnixNano())
		}
	}
	return "worker-" + hex.EncodeToString(hash.Sum(nil))[:12] + ".tar", nil
}

func stat(source string) (int64, time.Time, error) {
	if source == "" {
		return 0, time.Time{}, nil
	}
	info, err := os.Stat(source)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, time.Time{}, fmt.Errorf("program %s has not been built: %w", source, err)
	}
	if err != nil {
		return 0, time.Time{}, err
	}
	return info.Size(), info.ModTime(), nil
}
