// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
)

// Objects are objects by "<plural>.<group>/<name>".
type Objects map[string]unstructured.Unstructured

// Objects reads all objects of the scenarios' namespace, of every kind that the API server knows, but for leases and
// events.
func (l *Lab) Objects(t *testing.T) Objects {
	t.Helper()
	objects, err := l.objects(context.WithoutCancel(t.Context()))
	require.NoError(t, err)
	return objects
}

func (l *Lab) objects(ctx context.Context) (Objects, error) {
	discoverer, err := discovery.NewDiscoveryClientForConfig(l.Config)
	if err != nil {
		return nil, fmt.Errorf("discovering kinds: %w", err)
	}
	reader, err := dynamic.NewForConfig(l.Config)
	if err != nil {
		return nil, fmt.Errorf("reading objects: %w", err)
	}
	lists, err := discoverer.ServerPreferredNamespacedResources()
	if err != nil {
		return nil, fmt.Errorf("discovering kinds: %w", err)
	}
	objects := Objects{}
	for _, list := range lists {
		group, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, fmt.Errorf("discovering kinds: %w", err)
		}
		for _, resource := range list.APIResources {
			if !slices.Contains(resource.Verbs, "list") || resource.Name == "leases" || resource.Name == "events" {
				continue
			}
			if err := objects.read(ctx, reader, group.WithResource(resource.Name)); err != nil {
				return nil, err
			}
		}
	}
	return objects, nil
}

func (o Objects) read(ctx context.Context, reader dynamic.Interface, gvr schema.GroupVersionResource) error {
	list, err := reader.Resource(gvr).Namespace(Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing %s: %w", gvr.Resource, err)
	}
	for _, object := range list.Items {
		o[gvr.Resource+"."+gvr.Group+"/"+object.GetName()] = object
	}
	return nil
}

// Of are the objects that belong to a cluster: by their label, as volumes do, or by their name.
func (o Objects) Of(cluster string) Objects {
	own := maps.Clone(o)
	maps.DeleteFunc(own, func(_ string, object unstructured.Unstructured) bool { return !isOf(object, cluster) })
	return own
}

func isOf(object unstructured.Unstructured, cluster string) bool {
	return object.GetLabels()[clusterv1.ClusterNameLabel] == cluster || belongs(object.GetName(), cluster)
}

// Kinds are the kinds that occur, as "<plural>.<group>", sorted.
func (o Objects) Kinds() []string {
	kinds := map[string]bool{}
	for key := range o {
		kind, _, _ := strings.Cut(key, "/")
		kinds[kind] = true
	}
	return slices.Sorted(maps.Keys(kinds))
}

// Versions are uid and resourceVersion: two that are equal say that nothing was written in between.
func (o Objects) Versions() map[string]string {
	versions := make(map[string]string, len(o))
	for key, object := range o {
		versions[key] = string(object.GetUID()) + " " + object.GetResourceVersion()
	}
	return versions
}

// Lasting is what is wished and who the objects are, without what is observed: everything but status, resourceVersion and
// managedFields; of a pod also which containers run, and of a Secret's data only the hash, since it may be printed.
func (o Objects) Lasting() map[string]any {
	lasting := make(map[string]any, len(o))
	for key, object := range o {
		content := object.DeepCopy()
		content.SetResourceVersion("")
		content.SetManagedFields(nil)
		switch content.GetKind() {
		case "Pod":
			content.Object["running"] = containers(content.Object)
		case "Secret":
			content.Object["data"] = sha256.Sum256(fmt.Append(nil, content.Object["data"]))
		}
		delete(content.Object, "status")
		lasting[key] = content.Object
	}
	return lasting
}

// containers are the ids of a pod's containers.
func containers(pod map[string]any) []string {
	statuses, _, _ := unstructured.NestedSlice(pod, "status", "containerStatuses")
	ids := make([]string, 0, len(statuses))
	for _, status := range statuses {
		if fields, ok := status.(map[string]any); ok {
			ids = append(ids, fmt.Sprint(fields["name"], " ", fields["containerID"]))
		}
	}
	return ids
}

// Settled waits until nothing in the scenarios' namespace has been written for a time, and returns what there is then.
func (l *Lab) Settled(t *testing.T, quiet, within time.Duration) Objects {
	t.Helper()
	var objects Objects
	since := time.Now()
	every(t, 2*time.Second, within, func() error {
		now := l.Objects(t)
		written := Written(objects.Versions(), now.Versions())
		objects = now
		if len(written) > 0 {
			since = time.Now()
			return fmt.Errorf("just written: %s", strings.Join(written, ", "))
		}
		if calm := time.Since(since); calm < quiet {
			return fmt.Errorf("nothing was written for %s, not for %s yet", calm, quiet)
		}
		return nil
	})
	return objects
}

// Written names what has come, gone or changed between two looks at versions.
func Written(before, after map[string]string) []string {
	var written []string
	for key, version := range after {
		if before[key] != version {
			written = append(written, key)
		}
	}
	for key := range before {
		if _, exists := after[key]; !exists {
			written = append(written, key+" (gone)")
		}
	}
	slices.Sort(written)
	return written
}
