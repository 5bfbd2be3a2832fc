// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	memberResource = schema.GroupVersionResource{
		Group:    "etcd.k0sproject.io",
		Version:  "v1beta1",
		Resource: "etcdmembers",
	}
	controlNodeResource = schema.GroupVersionResource{
		Group: "autopilot.k0sproject.io", Version: "v1beta2", Resource: "controlnodes",
	}
)

func text() map[string]any { return map[string]any{"type": "string"} }

func oneOf(values ...any) map[string]any { return map[string]any{"type": "string", "enum": values} }

func objectWith(properties map[string]any, required ...any) map[string]any {
	described := map[string]any{"type": "object", "properties": properties}
	if len(required) > 0 {
		described["required"] = required
	}
	return described
}

// memberDefinition is the CustomResourceDefinition of EtcdMembers.
func memberDefinition() *unstructured.Unstructured {
	condition := objectWith(map[string]any{
		"type": oneOf("Joined"), "status": oneOf("True", "False", "Unknown"), "message": text(),
		"lastTransitionTime": map[string]any{"type": "string", "format": "date-time"},
	}, "status", "type")
	status := objectWith(map[string]any{
		"peerAddress": text(), "memberID": map[string]any{"type": "string", "pattern": "^[a-fA-F0-9]+$"},
		"reconcileStatus": text(), "message": text(),
		"conditions": map[string]any{
			"type": "array", "items": condition, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": []any{"type"},
		},
	}, "memberID", "peerAddress")
	spec := objectWith(map[string]any{"leave": map[string]any{"type": "boolean"}})
	return clusterDefinition(memberResource, "EtcdMember", map[string]any{"spec": spec, "status": status})
}

// controlNodeDefinition is the CustomResourceDefinition of autopilot's ControlNodes.
func controlNodeDefinition() *unstructured.Unstructured {
	address := objectWith(map[string]any{"type": text(), "address": text()}, "address", "type")
	status := objectWith(map[string]any{
		"k0sVersion": text(), "addresses": map[string]any{"type": "array", "items": address},
	})
	return clusterDefinition(controlNodeResource, "ControlNode", map[string]any{"status": status})
}

// clusterDefinition defines a kind that has no namespace, and a status of its own.
func clusterDefinition(
	resource schema.GroupVersionResource, kind string, properties map[string]any,
) *unstructured.Unstructured {
	properties["apiVersion"], properties["kind"] = text(), text()
	properties["metadata"] = map[string]any{"type": "object"}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": resource.GroupResource().String()},
		"spec": map[string]any{
			"group": resource.Group, "scope": "Cluster",
			"names": map[string]any{
				"kind": kind, "listKind": kind + "List",
				"plural": resource.Resource, "singular": resource.Resource[:len(resource.Resource)-1],
			},
			"versions": []any{map[string]any{
				"name": resource.Version, "served": true, "storage": true,
				"schema":       map[string]any{"openAPIV3Schema": objectWith(properties)},
				"subresources": map[string]any{"status": map[string]any{}},
			}},
		},
	}}
}
