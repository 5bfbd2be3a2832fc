// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/e2e/lab/k0s"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/network"
)

// segment is where k0s alone lives. The device in it is called eth0, as k0s wants an address that it can find.
func segment() network.Segment {
	return network.Segment{Netns: "k0slab-raw", Veth: "k0slab-raw", Address: "10.211.0.110"}
}

// raw starts k0s alone, measures it and removes it. It runs in a network namespace on the lab's bridge, and in a mount
// namespace because every k0s of root uses /run/k0s.
func (b *benchmark) raw(ctx context.Context) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dir := filepath.Join(b.paths.State, "raw")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return 0, fmt.Errorf("emptying %s: %w", dir, err)
	}
	if err := network.Ensure(ctx, segment()); err != nil {
		return 0, err
	}
	defer func() {
		err = errors.Join(err, network.Remove(context.WithoutCancel(ctx), segment()), os.RemoveAll(dir))
	}()
	if err := b.rawFiles(dir); err != nil {
		return 0, err
	}
	return b.runRaw(ctx, dir)
}

// rawFiles writes the configuration of the hosted control plane with the addresses and the etcd of a k0s alone.
func (b *benchmark) rawFiles(dir string) error {
	config, err := rawConfig(b.config, dir)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "k0s.yaml"), config, 0o600),
		os.WriteFile(filepath.Join(dir, "authentication.yaml"), []byte(authentication), 0o644),
	)
}

// authentication is what a hosted control plane has too; its file is named by the configuration.
const authentication = `apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
anonymous: {enabled: true, conditions: [{path: /livez}, {path: /readyz}]}
`

func rawConfig(hosted, dir string) ([]byte, error) {
	var config map[string]any
	if err := yaml.Unmarshal([]byte(hosted), &config); err != nil {
		return nil, fmt.Errorf("reading the hosted configuration: %w", err)
	}
	spec, ok := config["spec"].(map[string]any)
	if !ok {
		return nil, errors.New("reading the hosted configuration: no spec")
	}
	spec["storage"] = map[string]any{"type": "etcd"}
	api, ok := spec["api"].(map[string]any)
	if !ok {
		return nil, errors.New("reading the hosted configuration: no spec.api")
	}
	api["externalAddress"] = segment().Address
	if extra, has := api["extraArgs"].(map[string]any); has && extra["authentication-config"] != nil {
		extra["authentication-config"] = filepath.Join(dir, "authentication.yaml")
	}
	if konnectivity, has := spec["konnectivity"].(map[string]any); has && konnectivity["externalAddress"] != nil {
		konnectivity["externalAddress"] = segment().Address
	}
	return yaml.Marshal(config)
}

func (b *benchmark) runRaw(ctx context.Context, dir string) (time.Duration, error) {
	log, err := os.Create(filepath.Join(b.paths.Logs(), "raw-k0s.log"))
	if err != nil {
		return 0, fmt.Errorf("opening the log of k0s: %w", err)
	}
	defer log.Close()
	cmd := exec.CommandContext(
		ctx,
		"nsenter",
		"--net=/run/netns/"+segment().Netns,
		"unshare",
		"--mount",
		"--pid",
		"--fork",
		"--kill-child",
		"--mount-proc",
		"sh",
		"-c",
		`mount -t tmpfs none /run && exec "$@"`,
		"sh",
		b.binary.Path,
		"controller",
		"--data-dir="+dir,
		"--config="+filepath.Join(dir, "k0s.yaml"),
		"--enable-dynamic-config",
		"--disable-components=autopilot,control-api,metrics-server,update-prober",
	)
	cmd.Stdout, cmd.Stderr, cmd.Env = log, log, append(os.Environ(), "PATH="+programPath(b.paths))
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("starting k0s: %w", err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
	}()
	if err := readyAlone(ctx, dir); err != nil {
		return 0, fmt.Errorf("%w (log: %s)", err, log.Name())
	}
	return time.Since(start), nil
}

// readyAlone asks with the certificate that k0s makes for its administrator, as soon as that is there.
func readyAlone(ctx context.Context, dir string) error {
	pki := filepath.Join(dir, "pki")
	config := &rest.Config{Host: "https://" + segment().Address + ":6443", TLSClientConfig: rest.TLSClientConfig{
		CAFile: filepath.Join(
			pki,
			"ca.crt",
		),
		CertFile: filepath.Join(pki, "admin.crt"),
		KeyFile:  filepath.Join(pki, "admin.key"),
	}}
	for {
		_, err := os.Stat(filepath.Join(pki, "admin.conf"))
		if err == nil {
			return ready(ctx, config)
		}
		if pauseErr := pause(ctx); pauseErr != nil {
			return fmt.Errorf("waiting for the certificates of k0s: %w: %w", pauseErr, err)
		}
	}
}

// programPath lets k0s find its components, which it does not carry.
func programPath(p layout.Paths) string {
	dirs := []string{filepath.Dir(p.Bin("etcd", layout.EtcdVersion, "etcd"))}
	for _, component := range k0s.Components(p) {
		if dir := filepath.Dir(component); dirs[len(dirs)-1] != dir {
			dirs = append(dirs, dir)
		}
	}
	return strings.Join(append(dirs, os.Getenv("PATH")), ":")
}
