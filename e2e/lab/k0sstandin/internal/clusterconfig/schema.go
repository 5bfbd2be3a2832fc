// SPDX-License-Identifier: Apache-2.0

package clusterconfig

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// nodeLocal are the keys that have no place in the object kube-system/k0s.
var nodeLocal = []string{
	"spec.api", "spec.storage", "spec.network.serviceCIDR", "spec.network.clusterDomain",
	"spec.network.primaryAddressFamily",
}

// Schema is the OpenAPI schema of the object kube-system/k0s. It follows from Spec, so file and object agree on what
// exists, and an apply with a misplaced key is refused by the API server.
func Schema() map[string]any {
	return map[string]any{
		"type": "object",
		"properties": map[string]any{
			"apiVersion": map[string]any{"type": "string"},
			"kind":       map[string]any{"type": "string"},
			"metadata":   map[string]any{"type": "object"},
			"spec":       schemaOf("spec", reflect.TypeFor[Spec]()),
		},
	}
}

func schemaOf(path string, t reflect.Type) map[string]any {
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
		return map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
	case t.Kind() == reflect.Pointer:
		return schemaOf(path, t.Elem())
	case t.Kind() == reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(path, t.Elem())}
	case t.Kind() == reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(path, t.Elem())}
	case t.Kind() == reflect.Struct:
		return map[string]any{"type": "object", "properties": propertiesOf(path, t)}
	case t.Kind() == reflect.Bool:
		return map[string]any{"type": "boolean"}
	case t.Kind() == reflect.Int:
		return map[string]any{"type": "integer"}
	default:
		return map[string]any{"type": "string"}
	}
}

func propertiesOf(path string, t reflect.Type) map[string]any {
	properties := map[string]any{}
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if below := path + "." + name; name != "" && !slices.Contains(nodeLocal, below) {
			properties[name] = schemaOf(below, field.Type)
		}
	}
	return properties
}
