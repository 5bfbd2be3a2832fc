// SPDX-License-Identifier: Apache-2.0

// Package framework is what the scenarios are written with: clusters in the lab, and waits that say what they waited for.
package framework

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/e2e/demo/progress"
	"github.com/k0smotron/k0smotron/e2e/lab/lifecycle"
	"github.com/k0smotron/k0smotron/e2e/lab/machine/agent"
	"github.com/k0smotron/k0smotron/e2e/lab/machines"
	"github.com/k0smotron/k0smotron/e2e/lab/mgmt"
)

// Namespace is where the scenarios' clusters live.
const Namespace = "default"

// Managers are the namespaces of our managers; each has the name of its provider.
const (
	BootstrapManager    = "k0smotron-bootstrap"
	ControlPlaneManager = "k0smotron-controlplane-incluster"
)

// Lab is a running lab.
type Lab struct {
	*lifecycle.Lab

	// Config and Client reach the management cluster as its administrator.
	Config *rest.Config
	Client client.Client
	// Agent makes machines fail.
	Agent *agent.Client
}

// Start brings the lab up with all providers, as far as it is not up yet.
func Start(ctx context.Context) (*Lab, error) {
	lab, err := lifecycle.New(os.Stdout)
	if err != nil {
		return nil, err
	}
	if err := lab.Up(ctx); err != nil {
		return nil, err
	}
	if err := lab.Init(ctx); err != nil {
		return nil, err
	}
	return Attach(lab)
}

// Attach connects to a lab that is up.
func Attach(lab *lifecycle.Lab) (*Lab, error) {
	config, err := clientcmd.BuildConfigFromFlags("", lab.Paths.Kubeconfig())
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig of the management cluster: %w", err)
	}
	c, err := client.New(config, client.Options{})
	if err != nil {
		return nil, fmt.Errorf("connecting to the management cluster: %w", err)
	}
	return &Lab{Lab: lab, Config: config, Client: c, Agent: agent.NewClient(machines.Socket(lab.Paths))}, nil
}

// Cluster is a cluster like the demo's, under a name of its own.
type Cluster struct {
	lab  *Lab
	Name string
}

// Change edits the manifests of a cluster before they are applied.
type Change func(manifests string) string

// Replace is a Change that replaces a text, which must occur.
func Replace(t *testing.T, old, replacement string) Change {
	t.Helper()
	return func(manifests string) string {
		require.Contains(t, manifests, old)
		return strings.ReplaceAll(manifests, old, replacement)
	}
}

// Create applies the demo's cluster under another name and deletes it when the test ends.
func (l *Lab) Create(t *testing.T, name string, changes ...Change) Cluster {
	t.Helper()
	manifests, err := machines.Manifests(l.Paths, filepath.Join(l.Paths.Repo, "e2e", "testdata", "demo"))
	require.NoError(t, err)
	for _, change := range changes {
		manifests = change(manifests)
	}
	manifests = strings.ReplaceAll(manifests, "demo", name)
	cluster := Cluster{lab: l, Name: name}
	// Before the apply: one that fails half-way leaves objects, too.
	t.Cleanup(func() { cluster.delete(t) })
	require.NoError(t, mgmt.Apply(t.Context(), l.Paths, manifests))
	return cluster
}

// Delete deletes the cluster and waits until it is gone.
func (c Cluster) Delete(ctx context.Context) error {
	_, err := mgmt.Kubectl(ctx, c.lab.Paths, "--namespace", Namespace, "delete", "cluster", c.Name,
		"--ignore-not-found", "--timeout=5m")
	return err
}

func (c Cluster) delete(t *testing.T) {
	t.Helper()
	require.NoError(t, c.Delete(context.WithoutCancel(t.Context())))
}

// Works waits until the cluster is available with its workers, and prints how it gets there.
func (c Cluster) Works(t *testing.T, within time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(
		t.Context(),
		within,
		fmt.Errorf("cluster %s was not ready within %s", c.Name, within),
	)
	defer cancel()
	reader := named{c.lab.Client, c.Name}
	_, err := progress.New(os.Stdout, clock.RealClock{}).Follow(ctx, reader, Namespace, progress.Goals())
	require.NoError(t, err)
}

// Kubectl runs kubectl against the management cluster, in the scenarios' namespace.
func (l *Lab) Kubectl(t *testing.T, args ...string) string {
	t.Helper()
	output, err := mgmt.Kubectl(
		context.WithoutCancel(t.Context()),
		l.Paths,
		append([]string{"--namespace", Namespace}, args...)...)
	require.NoError(t, err)
	return output
}

// named reads only the objects of one cluster, so that clusters side by side do not disturb each other's scenario.
type named struct {
	client.Reader

	cluster string
}

// List lists, and drops what belongs to another cluster.
func (n named) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if err := n.Reader.List(ctx, list, options...); err != nil {
		return err
	}
	if objects, ok := list.(*unstructured.UnstructuredList); ok {
		own := objects.Items[:0]
		for _, object := range objects.Items {
			if object.GetName() == n.cluster || strings.HasPrefix(object.GetName(), n.cluster+"-") {
				own = append(own, object)
			}
		}
		objects.Items = own
	}
	return nil
}
