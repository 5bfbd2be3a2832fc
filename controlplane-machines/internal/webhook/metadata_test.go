// SPDX-License-Identifier: Apache-2.0

package webhook_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/yaml"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/webhook"
)

// metadataCases are labels and annotations, and words of the refusal.
func metadataCases() map[string]struct {
	meta clusterv1.ObjectMeta
	want []string
} {
	type object = clusterv1.ObjectMeta
	labels := func(key, value string) object { return object{Labels: map[string]string{key: value}} }
	annotations := func(key, value string) object { return object{Annotations: map[string]string{key: value}} }
	return map[string]struct {
		meta object
		want []string
	}{
		"Nothing":        {meta: object{}},
		"Label":          {meta: labels("team", "zoo")},
		"LabelOfADomain": {meta: labels("example.org/Team_1", "")},
		"LabelAtItsLimits": {
			meta: labels(
				strings.Repeat("a", 63)+"."+strings.Repeat("b", 63)+"/"+strings.Repeat("c", 63),
				strings.Repeat("d", 63),
			),
		},
		"LabelKeyBlank":        {labels("a b", "c"), []string{".labels", `"a b"`, "name part must consist of alphanumeric"}},
		"LabelKeyLong":         {labels(strings.Repeat("a", 64), "c"), []string{".labels", "no more than 63"}},
		"LabelKeyEmpty":        {labels("", "c"), []string{".labels", "non-empty"}},
		"LabelNameMissing":     {labels("example.org/", "c"), []string{".labels", "name part must be non-empty"}},
		"LabelTwoSlashes":      {labels("a/b/c", "d"), []string{".labels", `"a/b/c"`}},
		"LabelDomainUpperCase": {labels("Example.org/a", "b"), []string{".labels", "RFC 1123 subdomain"}},
		"LabelDomainDots":      {labels("a..b/c", "d"), []string{".labels", `"a..b/c"`}},
		"LabelDomainLong":      {labels(strings.Repeat("a.", 127)+"b/c", "d"), []string{".labels", "no more than 253"}},
		"LabelValueBlank":      {labels("a", "b c"), []string{".labels", `"b c"`, "a valid label must be"}},
		"LabelValueLong":       {labels("a", strings.Repeat("b", 64)), []string{".labels", "no more than 63"}},
		"LabelValueDash":       {labels("a", "-b"), []string{".labels", `"-b"`}},

		"Annotation":            {meta: annotations("example.org/a", "anything\nat all, {\"and\": \"more\"}")},
		"AnnotationUpperCase":   {meta: annotations("Example.org/a", "")},
		"AnnotationKeyBlank":    {annotations("a b", "c"), []string{".annotations", `"a b"`}},
		"AnnotationDomainDots":  {annotations("a..b/c", "d"), []string{".annotations", `"a..b/c"`}},
		"AnnotationsAtTheLimit": {meta: annotations("a", strings.Repeat("b", 262143))},
		"AnnotationsTooLong": {
			annotations("a", strings.Repeat("b", 262144)),
			[]string{".annotations", "may not be more than 262144"},
		},
		"Both": {
			object{Labels: map[string]string{"a b": "c"}, Annotations: map[string]string{"d e": "f"}},
			[]string{".labels", `"a b"`, ".annotations", `"d e"`},
		},
	}
}

// metadataPlaces are where a control plane has metadata of other objects, by its path.
var metadataPlaces = map[string]func(*testing.T, *controlplanev1.K0sControlPlane, clusterv1.ObjectMeta){
	"spec.machineTemplate.metadata": func(_ *testing.T, c *controlplanev1.K0sControlPlane, meta clusterv1.ObjectMeta) {
		c.Spec.MachineTemplate.ObjectMeta = meta
	},
	"spec.kubeconfigSecretMetadata": func(t *testing.T, c *controlplanev1.K0sControlPlane, meta clusterv1.ObjectMeta) {
		t.Helper()
		convert(t, meta, &c.Spec.KubeconfigSecretMetadata)
	},
	"spec.k0sConfigSpec.secretMetadata": func(t *testing.T, c *controlplanev1.K0sControlPlane, meta clusterv1.ObjectMeta) {
		t.Helper()
		convert(t, meta, &c.Spec.K0sConfigSpec.SecretMetadata)
	},
}

// templatePlaces are the same of a template, and that of the control planes made from it.
var templatePlaces = map[string]func(*testing.T, *controlplanev1.K0sControlPlaneTemplate, clusterv1.ObjectMeta){
	"spec.template.metadata": func(_ *testing.T, c *controlplanev1.K0sControlPlaneTemplate, meta clusterv1.ObjectMeta) {
		c.Spec.Template.ObjectMeta = meta
	},
	"spec.template.spec.machineTemplate.metadata": func(
		_ *testing.T, c *controlplanev1.K0sControlPlaneTemplate, meta clusterv1.ObjectMeta,
	) {
		c.Spec.Template.Spec.MachineTemplate.ObjectMeta = meta
	},
	"spec.template.spec.kubeconfigSecretMetadata": func(
		t *testing.T, c *controlplanev1.K0sControlPlaneTemplate, meta clusterv1.ObjectMeta,
	) {
		t.Helper()
		convert(t, meta, &c.Spec.Template.Spec.KubeconfigSecretMetadata)
	},
	"spec.template.spec.k0sConfigSpec.secretMetadata": func(
		t *testing.T, c *controlplanev1.K0sControlPlaneTemplate, meta clusterv1.ObjectMeta,
	) {
		t.Helper()
		convert(t, meta, &c.Spec.Template.Spec.K0sConfigSpec.SecretMetadata)
	},
}

// convert writes metadata in another type of the same form.
func convert(t *testing.T, from, to any) {
	t.Helper()
	text, err := json.Marshal(from)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, to))
}

// at puts the path before the words that begin with a dot.
func at(place string, words []string) []string {
	var all []string
	for _, word := range words {
		if strings.HasPrefix(word, ".") {
			word = place + word
		}
		all = append(all, word)
	}
	return all
}

// TestMetadata: what the API server would refuse on a Machine or a Secret is refused here, at each place.
func TestMetadata(t *testing.T) {
	t.Parallel()
	for name, tc := range metadataCases() {
		for place, set := range metadataPlaces {
			t.Run(place+"/"+name, func(t *testing.T) {
				t.Parallel()
				before := controlPlane(version, "", 1)
				after := before.DeepCopy()
				set(t, after, tc.meta)
				_, err := webhook.ControlPlane{}.ValidateCreate(t.Context(), after)
				check(t, err, at(place, tc.want))
				_, err = webhook.ControlPlane{}.ValidateUpdate(t.Context(), before, after)
				check(t, err, at(place, tc.want))
				_, err = webhook.ControlPlane{}.ValidateUpdate(t.Context(), after, before)
				require.NoError(t, err, "it can be taken out")
			})
		}
		for place, set := range templatePlaces {
			t.Run(place+"/"+name, func(t *testing.T) {
				t.Parallel()
				before := settings(t, "{}")
				after := before.DeepCopy()
				set(t, after, tc.meta)
				_, err := webhook.Template{}.ValidateCreate(t.Context(), after)
				check(t, err, at(place, tc.want))
				_, err = webhook.Template{}.ValidateUpdate(t.Context(), before, after)
				check(t, err, at(place, tc.want))
				_, err = webhook.Template{}.ValidateUpdate(t.Context(), after, before)
				require.NoError(t, err, "it can be taken out")
			})
		}
	}
}

// TestMetadataStays: what was let in before is not judged again, whatever else changes, and does not hide other problems.
func TestMetadataStays(t *testing.T) {
	t.Parallel()
	bad := clusterv1.ObjectMeta{Labels: map[string]string{"a b": "c"}}
	for place, set := range metadataPlaces {
		before := controlPlane(version, "", 1)
		set(t, before, bad)
		after := before.DeepCopy()
		_, err := webhook.ControlPlane{}.ValidateUpdate(t.Context(), before, after)
		require.NoError(t, err, place)
		after.Spec.Replicas = new(int32(3))
		_, err = webhook.ControlPlane{}.ValidateUpdate(t.Context(), before, after)
		require.NoError(t, err, place)
		after.Spec.Replicas = new(int32(4))
		_, err = webhook.ControlPlane{}.ValidateUpdate(t.Context(), before, after)
		check(t, err, []string{"must be odd"})
		assert.NotContains(t, err.Error(), place)
		_, err = webhook.ControlPlane{}.ValidateUpdate(t.Context(), controlPlane(version, "", 1), after)
		check(t, err, []string{"must be odd", place + ".labels"})
	}
	for place, set := range templatePlaces {
		before := settings(t, "{}")
		set(t, before, bad)
		after := before.DeepCopy()
		after.Spec.Template.Spec.UpdateStrategy = controlplanev1.UpdateStrategyRecreate
		_, err := webhook.Template{}.ValidateUpdate(t.Context(), before, after)
		require.NoError(t, err, place)
	}
}

// TestMetadataServed: the API server hears it, also where the schema has rules of its own.
func TestMetadataServed(t *testing.T) {
	t.Parallel()
	good := "labels: {team: zoo}, annotations: {example.org/a: anything at all}"
	for name, kind := range map[string]string{
		"labels: {team: two words}":        ".labels",
		"labels: {a..b/c: d}":              ".labels",
		"annotations: {'two words': zoo}":  ".annotations",
		"annotations: {a-.b/c: something}": ".annotations",
	} {
		for place, text := range map[string]string{
			"machineTemplate.metadata":     "machineTemplate: {metadata: {META}}",
			"kubeconfigSecretMetadata":     "kubeconfigSecretMetadata: {META}",
			"k0sConfigSpec.secretMetadata": "k0sConfigSpec: {secretMetadata: {META}}",
		} {
			t.Run(place+"/"+name, func(t *testing.T) {
				t.Parallel()
				o, err := createKind(t, "K0sControlPlane", controlPlaneWith(t, strings.Replace(text, "META", good, 1)))
				require.NoError(t, err)
				bad := controlPlaneWith(t, strings.Replace(text, "META", name, 1))
				require.NoError(t, unstructured.SetNestedMap(o.Object, bad, "spec"))
				refused(t, env.Client.Update(t.Context(), o), "spec."+place+kind)
				_, err = createKind(t, "K0sControlPlaneTemplate", templateWith(t, strings.Replace(text, "META", name, 1)))
				refused(t, err, "spec.template.spec."+place+kind)
			})
		}
	}
	_, err := createKind(t, "K0sControlPlaneTemplate", map[string]any{
		"template": map[string]any{"metadata": map[string]any{"labels": map[string]any{"a": "b c"}}},
	})
	refused(t, err, `spec.template.metadata.labels: Invalid value: "b c"`)
}

func refused(t *testing.T, err error, message string) {
	t.Helper()
	require.Error(t, err)
	assert.True(t, apierrors.IsInvalid(err), "%v", err)
	assert.ErrorContains(t, err, message)
}

// controlPlaneWith is the shortest spec with more fields.
func controlPlaneWith(t *testing.T, more string) map[string]any {
	t.Helper()
	var fields, added map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(minimal), &fields))
	require.NoError(t, yaml.Unmarshal([]byte(more), &added))
	for section, value := range added {
		into, exists := fields[section].(map[string]any)
		if !exists {
			fields[section] = value
			continue
		}
		from, isSection := value.(map[string]any)
		require.True(t, isSection)
		for key := range from {
			into[key] = from[key]
		}
	}
	return fields
}

func templateWith(t *testing.T, settings string) map[string]any {
	t.Helper()
	var fields map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(settings), &fields))
	return map[string]any{"template": map[string]any{"spec": fields}}
}
