// SPDX-License-Identifier: Apache-2.0

// Package controller is `k0s controller` of the stand-in: a control plane of real programs, started in the order and
// with the files that k0s uses.
package controller

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/clusterconfig"
	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/pki"
	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/process"
)

// Components are the names that --disable-components takes.
var Components = []string{
	"applier-manager", "autopilot", "control-api", "coredns", "csr-approver", "endpoint-reconciler", "helm",
	"konnectivity-server", "kube-controller-manager", "kube-proxy", "kube-scheduler", "metrics-server",
	"network-provider", "node-role", "system-rbac", "update-prober", "windows-node", "worker-config",
}

// readyLimit is how long a program may take until it is ready before everything is given up.
const readyLimit = 2 * time.Minute

// Controller is one controller node.
type Controller struct {
	Layout        Layout
	Config        clusterconfig.Config
	Disabled      []string
	DynamicConfig bool
	// Verbosity is the log level by component.
	Verbosity map[string]string
	Log       *slog.Logger

	invocation string
	programs   process.Group
	client     kubernetes.Interface
	rest       *rest.Config
}

type anonymousRule string

const (
	anonymousByFlag anonymousRule = "flag"
	anonymousByFile anonymousRule = "file"
)

// Run starts the control plane and keeps it until ctx ends. What fails before the API server is ready ends it.
func (c *Controller) Run(ctx context.Context) error {
	if err := c.checkNames(); err != nil {
		return err
	}
	c.invocation = invocationID()
	if err := c.prepare(ctx); err != nil {
		return err
	}
	// The programs must outlive ctx a little: they end in order, the API server after its clients.
	programs := context.WithoutCancel(ctx)
	defer c.programs.StopAll()
	for _, start := range []func(context.Context, context.Context) error{c.startStorage, c.startKonnectivity, c.startAPIServer} {
		if err := start(ctx, programs); err != nil {
			return err
		}
	}
	return c.lead(ctx, programs)
}

func (c *Controller) checkNames() error {
	for _, name := range c.Disabled {
		if !slices.Contains(Components, name) {
			return fmt.Errorf("unknown component %s", name)
		}
	}
	logging := []string{
		"containerd", "etcd", "konnectivity-server", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet",
	}
	for name := range c.Verbosity {
		if !slices.Contains(logging, name) {
			return fmt.Errorf("unknown component name: %q", name)
		}
	}
	return nil
}

func (c *Controller) prepare(ctx context.Context) error {
	store := pki.Store{Dir: c.Layout.pki(""), Now: time.Now}
	if err := store.CheckModes(); err != nil {
		return fmt.Errorf("checking certificates: %w", err)
	}
	hosts, err := c.hosts(ctx)
	if err != nil {
		return err
	}
	server := "https://localhost:" + strconv.Itoa(c.Config.Spec.API.Port)
	if c.Config.Spec.API.OnlyBindToAddress {
		server = "https://" + net.JoinHostPort(c.Config.Spec.API.Address, strconv.Itoa(c.Config.Spec.API.Port))
	}
	if err := store.EnsureController(pki.Controller{Server: server, Hosts: hosts}); err != nil {
		return fmt.Errorf("issuing certificates: %w", err)
	}
	storage := c.Config.Spec.Storage
	if storage.Type == clusterconfig.StorageEtcd && storage.Etcd.ExternalCluster == nil {
		if err := store.EnsureEtcd(storage.Etcd.PeerAddress); err != nil {
			return fmt.Errorf("issuing etcd certificates: %w", err)
		}
	}
	return nil
}

func (c *Controller) startStorage(ctx, programs context.Context) error {
	storage := c.Config.Spec.Storage
	switch {
	case storage.Type == clusterconfig.StorageKine:
		owner := pki.UID(pki.UserAPIServer)
		if err := ownDir(filepath.Dir(c.Layout.kineSocket()), 0o755, owner); err != nil {
			return err
		}
		if err := ownDir(filepath.Join(c.Layout.DataDir, "db"), 0o750, owner); err != nil {
			return err
		}
		if _, err := c.start(programs, "kine", owner, c.kineFlags().args()); err != nil {
			return err
		}
		return process.WaitFor(
			ctx,
			readyLimit,
			func(context.Context) error { _, err := os.Stat(c.Layout.kineSocket()); return err },
		)
	case storage.Etcd.ExternalCluster == nil:
		hostname, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("reading hostname: %w", err)
		}
		owner := pki.UID(pki.UserEtcd)
		if err := ownDir(filepath.Join(c.Layout.DataDir, "etcd"), 0o700, owner); err != nil {
			return err
		}
		_, err = c.start(programs, "etcd", owner, c.etcdFlags(hostname).args())
		return err
	}
	return nil
}

func (c *Controller) startKonnectivity(ctx, programs context.Context) error {
	if !c.enabled("konnectivity-server") {
		return nil
	}
	owner := pki.UID(pki.UserKonnectivity)
	if err := ownDir(filepath.Dir(c.Layout.konnectivitySocket()), 0o755, owner); err != nil {
		return err
	}
	egress := map[string]any{
		"apiVersion": "apiserver.k8s.io/v1beta1", "kind": "EgressSelectorConfiguration",
		"egressSelections": []any{map[string]any{"name": "cluster", "connection": map[string]any{
			"proxyProtocol": "GRPC",
			"transport":     map[string]any{"uds": map[string]any{"udsName": c.Layout.konnectivitySocket()}},
		}}},
	}
	data, err := yaml.Marshal(egress)
	if err != nil {
		return fmt.Errorf("encoding egress configuration: %w", err)
	}
	if err := os.WriteFile(c.Layout.egressConfig(), data, 0o644); err != nil {
		return fmt.Errorf("writing egress configuration: %w", err)
	}
	if _, err := c.start(programs, "konnectivity-server", owner, c.konnectivityFlags().args()); err != nil {
		return err
	}
	return c.waitHealthy(ctx, "konnectivity-server", &http.Client{Timeout: time.Second}, "http://localhost:8092/healthz")
}

func (c *Controller) startAPIServer(ctx, programs context.Context) error {
	anonymous, err := c.anonymousRule()
	if err != nil {
		return err
	}
	args := c.apiServerFlags(anonymous).args(c.Config.Spec.API.RawArgs...)
	if _, err := c.start(programs, "kube-apiserver", pki.UID(pki.UserAPIServer), args); err != nil {
		return err
	}
	c.rest, err = clientcmd.BuildConfigFromFlags("", c.Layout.pki("admin.conf"))
	if err != nil {
		return fmt.Errorf("reading admin.conf: %w", err)
	}
	c.rest.QPS, c.rest.Burst = 40, 400
	client, err := rest.HTTPClientFor(c.rest)
	if err != nil {
		return fmt.Errorf("making client: %w", err)
	}
	if c.client, err = kubernetes.NewForConfigAndClient(c.rest, client); err != nil {
		return fmt.Errorf("making client: %w", err)
	}
	api := c.Config.Spec.API
	return c.waitHealthy(
		ctx,
		"kube-apiserver",
		client,
		"https://"+net.JoinHostPort(api.Address, strconv.Itoa(api.Port))+"/readyz",
	)
}

// anonymousRule looks whether the user's AuthenticationConfiguration says who is anonymous.
func (c *Controller) anonymousRule() (anonymousRule, error) {
	path := c.Config.Spec.API.ExtraArgs["authentication-config"]
	if path == "" {
		return anonymousByFlag, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading authentication configuration: %w", err)
	}
	var config struct {
		Anonymous map[string]any `json:"anonymous"`
	}
	if err := yaml.Unmarshal(data, &config); err != nil {
		return "", fmt.Errorf("reading authentication configuration %s: %w", path, err)
	}
	if config.Anonymous == nil {
		return anonymousByFlag, nil
	}
	return anonymousByFile, nil
}

func (c *Controller) start(ctx context.Context, name string, uid int, args []string) (*process.Process, error) {
	path, err := process.Find(filepath.Join(c.Layout.DataDir, "bin"), name)
	if err != nil {
		return nil, err
	}
	c.Log.Info("starting", "component", name)
	if level, found := c.Verbosity[name]; found && name != "etcd" {
		args = append(args, "--v="+level)
	}
	program := &process.Process{Name: name, Path: path, Args: args, Dir: c.Layout.DataDir, UID: uid, Output: os.Stderr}
	return program, c.programs.Start(ctx, program)
}

func (c *Controller) waitHealthy(ctx context.Context, name string, client *http.Client, url string) error {
	err := process.WaitFor(ctx, readyLimit, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return fmt.Errorf("making request: %w", err)
		}
		answer, err := client.Do(request)
		if err != nil {
			return fmt.Errorf("asking: %w", err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return errors.New(answer.Status)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s health-check timed out: %w", name, err)
	}
	c.Log.Info("ready", "component", name)
	return nil
}

func (c *Controller) enabled(component string) bool { return !slices.Contains(c.Disabled, component) }

// writesEndpoints is whether the Endpoints of the kubernetes Service are the stand-in's to write.
func (c *Controller) writesEndpoints() bool {
	return c.Config.Spec.API.ExternalAddress != "" && c.enabled("endpoint-reconciler")
}

func ownDir(path string, mode os.FileMode, owner int) error {
	if err := os.MkdirAll(path, mode); err != nil {
		return fmt.Errorf("making %s: %w", path, err)
	}
	return errors.Join(os.Chmod(path, mode), os.Chown(path, owner, -1))
}

func invocationID() string {
	var id [16]byte
	_, _ = rand.Read(id[:])
	return hex.EncodeToString(id[:])
}
