// SPDX-License-Identifier: Apache-2.0

package v1beta2_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// templateMetadata are labels and annotations of a template, and what the API server says to it: nothing, and it takes
// them on a config, too, or the message.
var templateMetadata = map[string]struct{ metadata, message string }{
	"Labels":   {metadata: `labels: {team: zoo, example.org/Team_1: "", cluster.x-k8s.io/pool: a, k0smotron.io/a: b}`},
	"NoLabels": {metadata: `labels: {}`},
	"LongestLabel": {
		metadata: `labels: {` + longDomain + `/` + strings.Repeat("a", 63) + `: ` + strings.Repeat("b", 63) + `}`,
	},
	"Annotations": {
		metadata: `annotations: {example.org/a: "anything\nat all", Example.org/A: b, cluster.x-k8s.io/c: d}`,
	},
	"LongestAnnotations": {
		metadata: `annotations: {` + longAnnotations + `}`,
	},
	"Both": {metadata: `{labels: {a: b}, annotations: {c: d}}`},

	"Nothing":            {`{}`, "should have at least 1 properties"},
	"OtherField":         {`name: a`, `unknown field "spec.template.metadata.name"`},
	"LabelKeyBlank":      {`labels: {"a b": c}`, "the key of a label is a name"},
	"LabelKeyEmpty":      {`labels: {"": c}`, "the key of a label is a name"},
	"LabelKeyLong":       {`labels: {` + strings.Repeat("a", 64) + `: c}`, "the key of a label is a name"},
	"LabelTwoSlashes":    {`labels: {a/b/c: d}`, "the key of a label is a name"},
	"LabelNameMissing":   {`labels: {a/: d}`, "the key of a label is a name"},
	"LabelDomainMissing": {`labels: {/a: d}`, "the key of a label is a name"},
	"LabelDomainDots":    {`labels: {a..b/c: d}`, "the key of a label is a name"},
	"LabelDomainDash":    {`labels: {a-.b/c: d}`, "the key of a label is a name"},
	"LabelDomainLong":    {`labels: {` + longDomain + `a/c: d}`, "the key of a label is a name"},
	"LabelDomainUpper":   {`labels: {Example.org/c: d}`, "the key of a label is a name"},
	"LabelValueBlank":    {`labels: {a: "b c"}`, "labels.a in body should match"},
	"LabelValueDash":     {`labels: {a: b-}`, "labels.a in body should match"},
	"LabelValueLong":     {`labels: {a: ` + strings.Repeat("b", 64) + `}`, "labels.a: Too long"},
	"AnnotationKeyBlank": {`annotations: {"a b": c}`, "the key of an annotation is a name"},
	"AnnotationDots":     {`annotations: {a..b/c: d}`, "the key of an annotation is a name"},
	"AnnotationLong":     {`annotations: {` + longDomain + `a/c: d}`, "the key of an annotation is a name"},
	"AnnotationsTooLong": {`annotations: {` + longAnnotations + `, e: ""}`, "annotations may have 256 KiB in all"},
	"AnnotationsOfBytes": {`annotations: {` + strings.Replace(longAnnotations, "b: b", "b: €", 1) + `}`, "256 KiB in all"},
}

// TestTemplateMetadata: a template is refused when, and only when, the API server would refuse the configs made from it.
func TestTemplateMetadata(t *testing.T) {
	t.Parallel()
	namespace := env.Namespace(t)
	for name, test := range templateMetadata {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			metadata := parse(t, test.metadata)
			of := template(t, namespace, name, "{}")
			require.NoError(t, unstructured.SetNestedMap(of.Object, metadata, "spec", "template", "metadata"))
			err := env.Client.Create(t.Context(), of, strict)
			if test.message == "" {
				require.NoError(t, err)
				require.NoError(t, env.Client.Create(t.Context(), withMetadata(t, namespace, name, metadata), strict))
				return
			}
			require.Error(t, err, "accepted")
			require.True(t, apierrors.IsInvalid(err) || apierrors.IsBadRequest(err), "%v", err)
			assert.Contains(t, err.Error(), test.message)
			if strings.HasPrefix(name, "Label") || strings.HasPrefix(name, "Annotation") {
				err = env.Client.Create(t.Context(), withMetadata(t, namespace, name, metadata), strict)
				assert.True(t, apierrors.IsInvalid(err), "the API server takes it: %v", err)
			}
		})
	}
}

// withMetadata is a config as it is made from a template.
func withMetadata(t *testing.T, namespace, name string, metadata map[string]any) *unstructured.Unstructured {
	t.Helper()
	made := config(t, namespace, name, "{}")
	labels, _, err := unstructured.NestedStringMap(metadata, "labels")
	require.NoError(t, err)
	made.SetLabels(labels)
	annotations, _, err := unstructured.NestedStringMap(metadata, "annotations")
	require.NoError(t, err)
	made.SetAnnotations(annotations)
	return made
}

// TestTemplateMetadataCanBeTakenOut: a change is judged as the first version was.
func TestTemplateMetadataCanBeTakenOut(t *testing.T) {
	t.Parallel()
	of := template(t, env.Namespace(t), "changed", "{}")
	require.NoError(t, unstructured.SetNestedField(of.Object, "b", "spec", "template", "metadata", "labels", "a"))
	require.NoError(t, env.Client.Create(t.Context(), of, strict))
	require.NoError(t, unstructured.SetNestedField(of.Object, "b c", "spec", "template", "metadata", "labels", "a"))
	assert.True(t, apierrors.IsInvalid(env.Client.Update(t.Context(), of, strict)))
	unstructured.RemoveNestedField(of.Object, "spec", "template", "metadata")
	require.NoError(t, env.Client.Update(t.Context(), of, strict))
}
