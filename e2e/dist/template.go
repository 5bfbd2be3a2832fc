// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Markers stand for values while an object is data; they become template actions in its text.
const (
	namespaceMark = "k0smotronChartNamespace"
	imageMark     = "k0smotronChartImage"
	replicasMark  = "k0smotronChartReplicas"
	resourcesMark = "k0smotronChartResources"
)

// newTemplate writes the object as a document of a template.
func newTemplate(p Provider, version string, object *unstructured.Unstructured) (string, error) {
	marked := marker{namespace: p.Product, image: p.image() + ":" + version}.mark(object)
	text, err := yaml.Marshal(marked.Object)
	if err != nil {
		return "", fmt.Errorf("writing YAML: %w", err)
	}
	document := "---\n" + toActions(string(text))
	if object.GetKind() == "Namespace" {
		// `helm install --create-namespace` has made the release's own namespace already.
		document = "{{- if ne .Values.namespace .Release.Namespace }}\n" + document + "{{- end }}\n"
	}
	return document, nil
}

// marker puts markers where an object says its namespace, image, replicas or resources.
type marker struct{ namespace, image string }

func (m marker) mark(object *unstructured.Unstructured) *unstructured.Unstructured {
	marked := object.DeepCopy()
	switch marked.GetKind() {
	case "Namespace":
		marked.SetName(namespaceMark)
	case "CustomResourceDefinition":
		annotations := marked.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[KeepAnnotation] = "keep"
		marked.SetAnnotations(annotations)
	case "Deployment":
		markDeployment(marked)
	}
	marked.Object, _ = m.value("", marked.Object).(map[string]any)
	return marked
}

func markDeployment(deployment *unstructured.Unstructured) {
	if spec, ok := deployment.Object["spec"].(map[string]any); ok {
		spec["replicas"] = replicasMark
	}
	// There is a manager: its values have been read.
	if manager, err := managerOf([]*unstructured.Unstructured{deployment}); err == nil {
		manager["resources"] = resourcesMark
	}
}

// value returns the value under a key with markers in all its strings.
func (m marker) value(key string, value any) any {
	switch v := value.(type) {
	case map[string]any:
		for k := range v {
			v[k] = m.value(k, v[k])
		}
	case []any:
		for i := range v {
			v[i] = m.value(key, v[i])
		}
	case string:
		return m.text(key, v)
	}
	return value
}

// text marks a namespace only where one stands: names of objects begin with the same word and must stay.
func (m marker) text(key, text string) string {
	if key == "namespace" && text == m.namespace {
		return namespaceMark
	}
	if key == "cert-manager.io/inject-ca-from" {
		if name, found := strings.CutPrefix(text, m.namespace+"/"); found {
			return namespaceMark + "/" + name
		}
	}
	text = strings.ReplaceAll(text, "."+m.namespace+".svc", "."+namespaceMark+".svc")
	return strings.ReplaceAll(text, m.image, imageMark)
}

var resourcesLine = regexp.MustCompile(`(?m)^( *)resources: ` + resourcesMark + `$`)

// toActions turns markers into template actions, after escaping what would read as one.
func toActions(text string) string {
	text = strings.ReplaceAll(text, "{{", `{{ "{{" }}`)
	text = strings.ReplaceAll(text, "namespace: "+namespaceMark+"\n", "namespace: {{ .Values.namespace | quote }}\n")
	text = strings.ReplaceAll(text, "  name: "+namespaceMark+"\n", "  name: {{ .Values.namespace | quote }}\n")
	text = strings.ReplaceAll(text, namespaceMark, "{{ .Values.namespace }}")
	text = strings.ReplaceAll(text, imageMark, "{{ .Values.image.repository }}:{{ .Values.image.tag }}")
	text = strings.ReplaceAll(text, replicasMark, "{{ .Values.replicas }}")
	return resourcesLine.ReplaceAllStringFunc(text, func(line string) string {
		indent := len(line) - len(strings.TrimLeft(line, " "))
		return fmt.Sprintf("%sresources: {{- toYaml .Values.resources | nindent %d }}", line[:indent], indent+2)
	})
}
