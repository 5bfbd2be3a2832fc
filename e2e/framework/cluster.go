// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/e2e/demo/progress"
	"github.com/k0smotron/k0smotron/e2e/lab/mgmt"
)

// Cluster is a cluster like the demo's, under a name of its own.
type Cluster struct {
	lab       *Lab
	manifests string
	goals     []progress.Goal
	// Name is also the beginning of the names of all that belongs to it.
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

// Create applies the demo's cluster under another name and deletes it when the test ends; when the test has failed, not
// without telling what there was to see.
func (l *Lab) Create(t *testing.T, name string, changes ...Change) Cluster {
	t.Helper()
	return l.create(t, Cluster{
		lab: l, Name: name, manifests: l.manifests(t, "demo", name, changes...), goals: progress.Goals(),
	})
}

// CreateOnMachines does the same with a cluster whose control plane runs on machines.
func (l *Lab) CreateOnMachines(t *testing.T, name string, changes ...Change) Cluster {
	t.Helper()
	return l.create(t, Cluster{
		lab: l, Name: name, manifests: l.manifests(t, "machines", name, changes...), goals: progress.MachineGoals(),
	})
}

func (l *Lab) create(t *testing.T, cluster Cluster) Cluster {
	t.Helper()
	l.webhooksAnswer(t, cluster.manifests)
	// Before the apply: one that fails half-way leaves objects, too.
	t.Cleanup(func() { cluster.cleanUp(t) })
	require.NoError(t, mgmt.Apply(t.Context(), l.Paths, cluster.manifests))
	return cluster
}

// Delete deletes the cluster and waits until it is gone.
func (c Cluster) Delete(t *testing.T) {
	t.Helper()
	c.lab.Kubectl(t, "delete", "cluster", c.Name, "--ignore-not-found", "--timeout=5m")
}

// cleanUp also deletes what never came to belong to the Cluster.
func (c Cluster) cleanUp(t *testing.T) {
	t.Helper()
	if t.Failed() {
		c.lab.diagnose(t, c.Name)
	}
	ctx := context.WithoutCancel(t.Context())
	_, err := c.lab.kubectl(ctx, "delete", "cluster", c.Name, "--ignore-not-found", "--timeout=5m")
	err = errors.Join(err, c.lab.feed(ctx, c.manifests, "delete", "--ignore-not-found", "--timeout=2m"))
	if !assert.NoError(t, err, "cluster %s cannot be deleted", c.Name) {
		c.lab.diagnose(t, c.Name)
	}
}

// Works waits until the cluster is available with its workers, and prints how it gets there.
func (c Cluster) Works(t *testing.T, within time.Duration) {
	t.Helper()
	cause := fmt.Errorf("cluster %s was not ready within %s", c.Name, within)
	ctx, cancel := context.WithTimeoutCause(t.Context(), within, cause)
	defer cancel()
	reader := named{c.lab.Client, c.Name}
	_, err := progress.New(os.Stdout, clock.RealClock{}).Follow(ctx, reader, Namespace, c.goals)
	require.NoError(t, err)
}

// Get reads one object of the cluster.
func (c Cluster) Get(t *testing.T, kind, name string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(Kind(t, kind))
	require.NoError(t, c.lab.Client.Get(t.Context(), client.ObjectKey{Namespace: Namespace, Name: name}, object))
	return object
}

// List reads all objects of a kind that belong to the cluster.
func (c Cluster) List(t *testing.T, kind string) []unstructured.Unstructured {
	t.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(Kind(t, kind))
	require.NoError(t, named{c.lab.Client, c.Name}.List(t.Context(), list, client.InNamespace(Namespace)))
	return list.Items
}

// Has says whether an object belongs to the cluster. Cluster API's checks look at what it says yes to.
func (c Cluster) Has(object unstructured.Unstructured) bool {
	return object.GetNamespace() == Namespace && isOf(object, c.Name)
}

// Resume ends a pause of the cluster.
func (c Cluster) Resume(t *testing.T) {
	t.Helper()
	require.NoError(t, c.lab.resume(context.WithoutCancel(t.Context()), "cluster/"+c.Name))
}

// Machine is the name of the cluster's one Machine.
func (c Cluster) Machine(t *testing.T) string {
	t.Helper()
	machines := c.List(t, "Machine")
	require.Len(t, machines, 1, "Machines of %s", c.Name)
	return machines[0].GetName()
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
			if belongs(object.GetName(), n.cluster) {
				own = append(own, object)
			}
		}
		objects.Items = own
	}
	return nil
}

// belongs says whether an object of that name belongs to a cluster.
func belongs(name, cluster string) bool {
	return name == cluster || strings.HasPrefix(name, cluster+"-")
}
