// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"
)

// Versions reads the resourceVersion of every object in a namespace, but for leases and events, by kind and name.
func (l *Lab) Versions(ctx context.Context, namespace string) (map[string]string, error) {
	discoverer, err := discovery.NewDiscoveryClientForConfig(l.Config)
	if err != nil {
		return nil, fmt.Errorf("discovering kinds: %w", err)
	}
	reader, err := metadata.NewForConfig(l.Config)
	if err != nil {
		return nil, fmt.Errorf("reading metadata: %w", err)
	}
	lists, err := discoverer.ServerPreferredNamespacedResources()
	if err != nil {
		return nil, fmt.Errorf("discovering kinds: %w", err)
	}
	versions := map[string]string{}
	for _, list := range lists {
		for _, resource := range list.APIResources {
			gvr := schema.FromAPIVersionAndKind(list.GroupVersion, resource.Kind).GroupVersion().WithResource(resource.Name)
			if !slices.Contains(resource.Verbs, "list") || gvr.Resource == "leases" || gvr.Resource == "events" {
				continue
			}
			if err := addVersions(ctx, versions, gvr, reader.Resource(gvr).Namespace(namespace)); err != nil {
				return nil, err
			}
		}
	}
	return versions, nil
}

func addVersions(
	ctx context.Context, versions map[string]string, gvr schema.GroupVersionResource, reader metadata.ResourceInterface,
) error {
	objects, err := reader.List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing %s: %w", gvr.Resource, err)
	}
	for _, object := range objects.Items {
		versions[gvr.Resource+"."+gvr.Group+"/"+object.Name] = object.ResourceVersion
	}
	return nil
}
