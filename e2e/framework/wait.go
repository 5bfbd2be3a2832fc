// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/e2e/demo/progress"
)

// polling is how often a wait looks.
const polling = 200 * time.Millisecond

// Kind is the kind of that name among those that clusters are made of.
func Kind(t *testing.T, name string) schema.GroupVersionKind {
	t.Helper()
	for _, kind := range progress.Kinds() {
		if kind.Kind == name {
			return kind.GroupVersionKind
		}
	}
	require.Failf(t, "unknown kind", "%s", name)
	return schema.GroupVersionKind{}
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

// Becomes waits until a condition of an object has a status and returns how long that took.
func (c Cluster) Becomes(t *testing.T, want Condition, within time.Duration) time.Duration {
	t.Helper()
	var last progress.Status
	took := Eventually(t, within, func() error {
		last, _ = progress.Condition(c.Get(t, want.Kind, want.Name), want.Type)
		if last.Status != want.Status {
			return fmt.Errorf("%s/%s %s is %s (%s: %s), not %s",
				want.Kind, want.Name, want.Type, last.Status, last.Reason, last.Message, want.Status)
		}
		return nil
	})
	t.Logf(
		"%s/%s %s=%s after %.1f s: %s %s",
		want.Kind,
		want.Name,
		want.Type,
		want.Status,
		took.Seconds(),
		last.Reason,
		last.Message,
	)
	return took
}

// Condition is a condition of one object, and the status it shall have.
type Condition struct{ Kind, Name, Type, Status string }

// Eventually tries until there is no error, and fails the test with the last one after a time.
func Eventually(t *testing.T, within time.Duration, try func() error) time.Duration {
	t.Helper()
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return time.Since(start)
		}
		select {
		case <-ctx.Done():
			require.NoError(t, err, "still so after %s", within)
		case <-time.After(polling):
		}
	}
}
