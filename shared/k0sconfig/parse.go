// SPDX-License-Identifier: Apache-2.0

package k0sconfig

import (
	"fmt"

	"sigs.k8s.io/yaml"
)

// Parse reads a user's ClusterConfig document, YAML or JSON. Nothing at all is
// an empty document.
func Parse(document []byte) (map[string]any, error) {
	var parsed map[string]any
	if err := yaml.UnmarshalStrict(document, &parsed); err != nil {
		return nil, fmt.Errorf("reading k0s configuration: %w", err)
	}
	return parsed, nil
}
