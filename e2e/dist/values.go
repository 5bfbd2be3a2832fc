// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"encoding/json"
	"errors"
	"fmt"
)

// newValues takes the defaults of the chart's values from the manifests.
func newValues(p Provider, manifests Manifests) (map[string]any, error) {
	manager, err := managerOf(manifests.Objects)
	if err != nil {
		return nil, err
	}
	resources, ok := manager["resources"].(map[string]any)
	if !ok {
		return nil, errors.New("reading resources: the manager's container has none")
	}
	return map[string]any{
		"namespace": p.Product,
		"image":     map[string]any{"repository": p.image(), "tag": manifests.Version},
		"replicas":  1,
		"resources": resources,
	}, nil
}

// valuesSchema refuses misspelt values, which Helm would ignore in silence.
func valuesSchema() ([]byte, error) {
	quantities := map[string]any{
		"type":                 "object",
		"additionalProperties": map[string]any{"type": []string{"string", "number"}},
	}
	schema := object(map[string]any{
		"namespace": described("Namespace of the provider. The chart creates it, unless it is the release's own.",
			map[string]any{"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63}),
		"image": described("Image of the manager.", object(map[string]any{
			"repository": map[string]any{"type": "string", "minLength": 1},
			"tag":        map[string]any{"type": "string", "minLength": 1},
		})),
		"replicas": described("Managers to run; one leads, the others wait.",
			map[string]any{"type": "integer", "minimum": 0}),
		"resources": described("Resources of the manager.", map[string]any{
			"type":                 "object",
			"additionalProperties": false,
			"properties": map[string]any{
				"limits":   quantities,
				"requests": quantities,
				"claims":   map[string]any{"type": "array"},
			},
		}),
		"global": map[string]any{"type": "object"},
	})
	schema["$schema"] = "http://json-schema.org/draft-07/schema#"
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing schema of values: %w", err)
	}
	return append(text, '\n'), nil
}

func object(properties map[string]any) map[string]any {
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
}

func described(text string, schema map[string]any) map[string]any {
	schema["description"] = text
	return schema
}
