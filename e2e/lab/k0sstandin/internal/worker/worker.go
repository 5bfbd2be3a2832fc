// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/process"
	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/status"
)

// containerdConfig is written by the node's owner when the default will not do.
const containerdConfig = "/etc/k0s/containerd.toml"

// Worker is one worker node.
type Worker struct {
	DataDir   string
	RunDir    string
	Token     string
	TokenFile string
	Profile   string
	NodeName  string
	Labels    []string
	Taints    []string
	ExtraArgs Flags
	RootDir   string
	// CloudProvider is "external" when a cloud controller manager initialises nodes.
	CloudProvider string
	Log           *slog.Logger
}

// Run joins the cluster and keeps containerd and the kubelet running until ctx ends.
func (w *Worker) Run(ctx context.Context) error {
	for _, dir := range []string{w.DataDir, w.RunDir, filepath.Join(w.RunDir, "kubelet"), w.RootDir, w.imagesDir()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making %s: %w", dir, err)
		}
	}
	if err := w.bootstrap(ctx); err != nil {
		return err
	}
	loaded, err := w.loadProfile(ctx)
	if err != nil {
		return err
	}
	var programs process.Group
	defer programs.StopAll()
	outlive := context.WithoutCancel(ctx)
	if err := w.startContainerd(ctx, outlive, &programs, loaded); err != nil {
		return err
	}
	w.importImages(ctx)
	if err := w.startKubelet(outlive, &programs, loaded); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		info := status.Info{Pid: os.Getpid(), Role: "worker", Workloads: true, Args: os.Args}
		return status.Serve(ctx, filepath.Join(w.RunDir, status.Socket), info)
	})
	w.Log.Info("worker has started", "node", w.NodeName)
	return group.Wait()
}

func (w *Worker) kubeconfigPath() string   { return filepath.Join(w.DataDir, "kubelet.conf") }
func (w *Worker) kubeletPKI() string       { return filepath.Join(w.RootDir, "pki") }
func (w *Worker) imagesDir() string        { return filepath.Join(w.DataDir, "images") }
func (w *Worker) containerdSocket() string { return filepath.Join(w.RunDir, "containerd.sock") }

func (w *Worker) start(ctx context.Context, programs *process.Group, name string, args []string) error {
	path, err := process.Find(filepath.Join(w.DataDir, "bin"), name)
	if err != nil {
		return err
	}
	return programs.Start(ctx, &process.Process{Name: name, Path: path, Args: args, Dir: w.DataDir, Output: os.Stderr})
}

func (w *Worker) startContainerd(ctx, outlive context.Context, programs *process.Group, profile profile) error {
	if err := writeContainerdConfig(profile); err != nil {
		return err
	}
	err := w.start(outlive, programs, "containerd", []string{
		"--root=" + filepath.Join(w.DataDir, "containerd"), "--state=" + filepath.Join(w.RunDir, "containerd"),
		"--address=" + w.containerdSocket(), "--log-level=info", "--config=" + containerdConfig,
	})
	if err != nil {
		return err
	}
	return process.WaitFor(ctx, time.Minute, func(ctx context.Context) error {
		connection, err := (&net.Dialer{}).DialContext(ctx, "unix", w.containerdSocket())
		if err != nil {
			return fmt.Errorf("waiting for containerd: %w", err)
		}
		return connection.Close()
	})
}

// writeContainerdConfig writes a configuration for containerd 2, unless the node has its own.
func writeContainerdConfig(profile profile) error {
	const header = "# k0s_managed=true\n"
	current, err := os.ReadFile(containerdConfig)
	if err == nil && !strings.HasPrefix(string(current), header) {
		return nil
	}
	if err := os.MkdirAll("/etc/k0s/containerd.d", 0o755); err != nil {
		return fmt.Errorf("making containerd's drop-in directory: %w", err)
	}
	text := header + `version = 3
imports = ["/etc/k0s/containerd.d/*.toml"]
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "` + profile.PauseImage.URI() + `"
`
	return os.WriteFile(containerdConfig, []byte(text), 0o644)
}

// importImages loads all archives in the images directory; one that cannot be loaded is reported and left out.
func (w *Worker) importImages(ctx context.Context) {
	archives, err := filepath.Glob(filepath.Join(w.imagesDir(), "*"))
	if err != nil {
		w.Log.Warn("looking for image archives", "error", err)
	}
	ctr, err := process.Find(filepath.Join(w.DataDir, "bin"), "ctr")
	if err != nil && len(archives) > 0 {
		w.Log.Error("importing images", "error", err)
		return
	}
	for _, archive := range archives {
		command := exec.CommandContext(
			ctx,
			ctr,
			"--address",
			w.containerdSocket(),
			"--namespace",
			"k8s.io",
			"images",
			"import",
			archive,
		)
		if output, err := command.CombinedOutput(); err != nil {
			w.Log.Error("importing images", "archive", archive, "error", err, "output", string(output))
		}
	}
}

func pemRequest(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// NodeName is the kubelet's --hostname-override, or the host's own name in lower case.
func NodeName(extra Flags) (string, error) {
	if name := extra["hostname-override"]; name != "" {
		return name, nil
	}
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("reading hostname: %w", err)
	}
	if name = strings.ToLower(strings.TrimSpace(name)); name == "" {
		return "", errors.New("the host has no name")
	}
	return name, nil
}
