// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	_ "embed"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/k0smotron/k0smotron/e2e/audit"
	"github.com/k0smotron/k0smotron/e2e/lab/k0s"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/mgmt"
)

const (
	namespace = "default"
	manager   = "k0smotron-controlplane-incluster"
	// patience bounds one run; polling is how often we ask, which is also the precision.
	patience = 3 * time.Minute
	polling  = 50 * time.Millisecond
)

//go:embed cluster.yaml
var manifest string

type benchmark struct {
	out    io.Writer
	paths  layout.Paths
	binary k0s.Binary
	config string
}

// hosted creates a cluster without machines, measures it and removes it.
func (b *benchmark) hosted(ctx context.Context, name string) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	begun := time.Now()
	if err := mgmt.Apply(ctx, b.paths, strings.ReplaceAll(manifest, "{name}", name)); err != nil {
		return result{}, err
	}
	accepted, err := b.created(ctx, name, begun)
	if err != nil {
		return result{}, err
	}
	config, err := b.kubeconfig(ctx, name)
	if err != nil {
		return result{}, err
	}
	if err := ready(ctx, config); err != nil {
		return result{}, err
	}
	measured := result{hosted: time.Since(accepted)}
	if _, err := mgmt.Kubectl(ctx, b.paths, "-n", namespace, "wait", "k0smotroncontrolplane/"+name,
		"--for=condition=Available", "--timeout=2m"); err != nil {
		return result{}, err
	}
	if err := b.count(&measured, name, audit.Window{From: begun, To: time.Now()}); err != nil {
		return result{}, err
	}
	if b.config, err = b.secret(ctx, name+"-k0s-config", `{.data.k0s\.yaml}`); err != nil {
		return result{}, err
	}
	_, err = mgmt.Kubectl(ctx, b.paths, "-n", namespace, "delete", "cluster", name, "--timeout=2m")
	return measured, err
}

// created is when the Cluster was accepted, as the audit log has it; kubectl itself takes its time before and after.
func (b *benchmark) created(ctx context.Context, name string, begun time.Time) (time.Time, error) {
	for {
		requests, err := audit.File(b.paths.AuditLog(), audit.Window{From: begun.Add(-time.Second)})
		if err != nil {
			return time.Time{}, err
		}
		for _, r := range requests {
			if r.Resource == "clusters" && r.Name == name && r.Code == http.StatusCreated {
				return r.At, nil
			}
		}
		if err := pause(ctx); err != nil {
			return time.Time{}, fmt.Errorf("looking for Cluster %s in the audit log: %w", name, err)
		}
	}
}

// count counts what the manager asked for this cluster; its objects carry the cluster's name in front.
func (b *benchmark) count(r *result, name string, window audit.Window) error {
	requests, err := audit.File(b.paths.AuditLog(), window)
	if err != nil {
		return err
	}
	own := audit.About(name, audit.Of(manager, requests))
	r.writes, r.reads = len(audit.Writes(own)), len(audit.Reads(own))
	return nil
}

// kubeconfig waits for the kubeconfig that names the endpoint. It is there before the control plane answers.
func (b *benchmark) kubeconfig(ctx context.Context, name string) (*rest.Config, error) {
	for {
		content, err := b.secret(ctx, name+"-kubeconfig", "{.data.value}")
		if err == nil && content != "" {
			return clientcmd.RESTConfigFromKubeConfig([]byte(content))
		}
		if pauseErr := pause(ctx); pauseErr != nil {
			return nil, fmt.Errorf("waiting for the kubeconfig: %w: %w", pauseErr, err)
		}
	}
}

func (b *benchmark) secret(ctx context.Context, name, path string) (string, error) {
	encoded, err := mgmt.Kubectl(
		ctx,
		b.paths,
		"-n",
		namespace,
		"get",
		"secret",
		name,
		"--ignore-not-found",
		"-o",
		"jsonpath="+path,
	)
	if err != nil {
		return "", err
	}
	content, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	return string(content), err
}

// ready asks until the API server answers 200 on /readyz.
func ready(ctx context.Context, config *rest.Config) error {
	config.Timeout = time.Second
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	var last error
	for {
		if last = ask(ctx, client, config.Host+"/readyz"); last == nil {
			return nil
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("waiting for %s: %w: %w", config.Host, err, last)
		}
	}
}

func ask(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("answer %s", response.Status)
	}
	return nil
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(polling):
		return nil
	}
}
