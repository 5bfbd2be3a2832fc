// SPDX-License-Identifier: Apache-2.0

package webhook_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/webhook"
)

// settings is a template with the given settings for control planes.
func settings(t *testing.T, spec string) *controlplanev1.K0sControlPlaneTemplate {
	t.Helper()
	template := &controlplanev1.K0sControlPlaneTemplate{}
	require.NoError(t, yaml.UnmarshalStrict([]byte(spec), &template.Spec.Template.Spec))
	return template
}

// TestTemplateServed: the API server asks about templates, too, and hears the answers.
func TestTemplateServed(t *testing.T) {
	t.Parallel()
	fields := func(document string) map[string]any {
		var fields map[string]any
		require.NoError(t, yaml.Unmarshal([]byte("template: {spec: {k0sConfigSpec: {k0s: "+document+"}}}"), &fields))
		return fields
	}
	_, err := createKind(t, "K0sControlPlaneTemplate", fields(sqlite))
	assert.True(t, apierrors.IsInvalid(err), "%v", err)
	require.ErrorContains(t, err, "spec.template."+dataSource+": Invalid value")

	o, err := createKind(t, "K0sControlPlaneTemplate", fields(kine))
	require.NoError(t, err)
	require.NoError(t, unstructured.SetNestedMap(o.Object, fields(natsOf1), "spec"))
	err = env.Client.Update(t.Context(), o)
	assert.True(t, apierrors.IsInvalid(err), "%v", err)
	require.ErrorContains(t, err, "NATS server itself")
	require.NoError(t, env.Client.Delete(t.Context(), o))
}

// TestTemplate has a case for every rule about a template, and about a change of one.
func TestTemplate(t *testing.T) {
	t.Parallel()
	document := func(text string) string { return "k0sConfigSpec: {k0s: " + text + "}" }
	cases := map[string]struct {
		before, after string
		want          []string
	}{
		"Empty":    {after: "{}"},
		"Etcd":     {after: document(`{"spec":{"storage":{"type":"etcd"}}}`)},
		"Database": {after: document(kine)},
		"Unknown":  {after: document(broken)}, // The version, and with it what k0s knows, comes from the topology.
		"SQLite":   {after: document(sqlite), want: []string{"spec.template." + dataSource, "is not set", "use etcd"}},
		"NATS":     {after: document(natsOf1), want: []string{"spec.template." + dataSource, "nats://…", "?noEmbed"}},
		"NotAMap": {
			after: document("[]"),
			want:  []string{"spec.template.spec.k0sConfigSpec.k0s", "reading k0s configuration"},
		},
		"Becomes": {before: document(kine), after: document(sqlite), want: []string{dataSource}},
		"Stays":   {before: document(sqlite), after: document(sqlite) + "\nupdateStrategy: Recreate"},
		"Leaves":  {before: document(sqlite), after: "{}"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			after := settings(t, tc.after)
			var err error
			if tc.before == "" {
				_, err = webhook.Template{}.ValidateCreate(t.Context(), after)
			} else {
				_, err = webhook.Template{}.ValidateUpdate(t.Context(), settings(t, tc.before), after)
			}
			check(t, err, tc.want)
			_, err = webhook.Template{}.ValidateDelete(t.Context(), after)
			require.NoError(t, err)
		})
	}
}
