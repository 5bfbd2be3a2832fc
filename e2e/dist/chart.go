// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// KeepAnnotation is on the CRDs of a chart and on nothing that kustomize renders: without it, uninstalling the chart
// would delete every cluster.
const KeepAnnotation = "helm.sh/resource-policy"

// Chart is a Helm chart: its files by their path in it.
type Chart struct {
	// Name is the chart's name.
	Name string
	// Files are the contents by slash-separated path.
	Files map[string][]byte
}

// NewChart makes the chart of a provider from its manifests.
func NewChart(p Provider, manifests Manifests) (Chart, error) {
	values, err := newValues(p, manifests)
	if err != nil {
		return Chart{}, err
	}
	chart := Chart{Name: p.Product, Files: map[string][]byte{".helmignore": []byte(generated + "*.orig\n")}}
	if err = chart.addYAML("Chart.yaml", chartMetadata(p, manifests.Version)); err != nil {
		return Chart{}, err
	}
	if err = chart.addYAML("values.yaml", values); err != nil {
		return Chart{}, err
	}
	schema, err := valuesSchema()
	if err != nil {
		return Chart{}, err
	}
	chart.Files["values.schema.json"] = schema
	return chart, chart.addTemplates(p, manifests)
}

const generated = "# SPDX-License-Identifier: Apache-2.0\n# Generated from config/default by `make chart`; change that.\n"

func (c Chart) addYAML(name string, value any) error {
	text, err := yaml.Marshal(value)
	if err != nil {
		return fmt.Errorf("writing %s of chart %s: %w", name, c.Name, err)
	}
	c.Files[name] = append([]byte(generated), text...)
	return nil
}

func chartMetadata(p Provider, version string) map[string]any {
	return map[string]any{
		"apiVersion":  "v2",
		"name":        p.Product,
		"description": p.Summary,
		"type":        "application",
		"version":     chartVersion(version),
		"appVersion":  version,
		"home":        "https://github.com/k0smotron/k0smotron",
	}
}

// chartVersion is the version in Helm's form, without the leading v.
func chartVersion(version string) string { return strings.TrimPrefix(version, "v") }

// addTemplates adds one template per kind, and one per CRD.
func (c Chart) addTemplates(p Provider, manifests Manifests) error {
	byFile := map[string][]*unstructured.Unstructured{}
	for _, object := range manifests.Objects {
		name := templateName(object)
		byFile[name] = append(byFile[name], object)
	}
	for _, name := range slices.Sorted(maps.Keys(byFile)) {
		var text strings.Builder
		text.WriteString(generated)
		for _, object := range byFile[name] {
			template, err := newTemplate(p, manifests.Version, object)
			if err != nil {
				return fmt.Errorf("writing template of %s %s: %w", object.GetKind(), object.GetName(), err)
			}
			text.WriteString(template)
		}
		c.Files["templates/"+name] = []byte(text.String())
	}
	return nil
}

func templateName(object *unstructured.Unstructured) string {
	if object.GetKind() == "CustomResourceDefinition" {
		return "crds/" + object.GetName() + ".yaml"
	}
	return strings.ToLower(object.GetKind()) + ".yaml"
}
