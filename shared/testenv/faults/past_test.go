// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/testenv"
)

// stale returns a manager's client whose first read is stale.
func stale(t *testing.T) client.WithWatch {
	t.Helper()
	return newInjector(plan{mode: StaleRead, call: 1}).clients(newWorld(t)).Management
}

func secret(name, value string) *corev1.Secret {
	return testenv.Secret(ns, name, map[string]string{"v": value})
}

func TestStaleGet(t *testing.T) {
	t.Parallel()
	got := &corev1.Secret{}

	c := stale(t)
	s := secret("s", "1")
	require.NoError(t, c.Create(t.Context(), s))
	err := c.Get(t.Context(), key("s"), got)
	require.True(t, apierrors.IsNotFound(err), "just created: not there yet")
	require.NoError(t, c.Get(t.Context(), key("s"), got), "only one read is stale")

	c = stale(t)
	s = secret("s", "1")
	require.NoError(t, c.Create(t.Context(), s))
	first := s.ResourceVersion
	s.Data["v"] = []byte("2")
	require.NoError(t, c.Update(t.Context(), s))
	require.NoError(t, c.Get(t.Context(), key("s"), got))
	assert.Equal(t, "1", string(got.Data["v"]))
	assert.Equal(t, first, got.ResourceVersion, "a write based on it must conflict")

	c = stale(t)
	s = secret("s", "1")
	require.NoError(t, c.Create(t.Context(), s))
	require.NoError(t, c.Delete(t.Context(), s))
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	require.NoError(t, c.Get(t.Context(), key("s"), u), "just deleted: still there")
	assert.Equal(t, "s", u.GetName())
}

func TestStaleList(t *testing.T) {
	t.Parallel()
	prepare := func() client.WithWatch {
		c := stale(t)
		changed, deleted, other := secret("changed", "1"), secret("deleted", "1"), secret("other-label", "1")
		other.Labels = map[string]string{"x": "y"}
		for _, s := range []*corev1.Secret{changed, deleted, other, secret("created", "1")} {
			require.NoError(t, c.Create(t.Context(), s))
		}
		changed.Data["v"] = []byte("2")
		require.NoError(t, c.Update(t.Context(), changed))
		require.NoError(t, c.Delete(t.Context(), deleted))
		require.NoError(t, c.Delete(t.Context(), other))
		return c
	}
	label := client.MatchingLabels(secret("x", "").Labels)

	typed := &corev1.SecretList{}
	require.NoError(t, prepare().List(t.Context(), typed, client.InNamespace(ns), label))
	require.Len(t, typed.Items, 2)
	assert.Equal(t, "changed", typed.Items[0].Name)
	assert.Equal(t, "1", string(typed.Items[0].Data["v"]))
	assert.Equal(t, "deleted", typed.Items[1].Name)

	untyped := &unstructured.UnstructuredList{}
	untyped.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	require.NoError(t, prepare().List(t.Context(), untyped, client.InNamespace("elsewhere")))
	assert.Empty(t, untyped.Items)

	byField := &corev1.SecretList{}
	err := prepare().List(t.Context(), byField,
		client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector("metadata.name", "changed")})
	require.Error(t, err, "the fake client has no such index; what matters is that rewinding does not hide its answer")
}

func TestCanonicalFormKeepsWhatMatters(t *testing.T) {
	t.Parallel()
	world := newWorld(t)
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: ns, Name: "svc", Annotations: map[string]string{"applied.k0smotron.io/x": "hash", "keep": "me"},
		},
		Spec: corev1.ServiceSpec{
			ClusterIP: "10.0.0.1", Ports: []corev1.ServicePort{{Name: "api", Port: 6443, NodePort: 31234}},
		},
	}
	require.NoError(t, world.Management.Create(t.Context(), service))
	text, err := Scenario{Kinds: []client.ObjectList{&corev1.ServiceList{}}}.final(t.Context(), world)
	require.NoError(t, err)

	for _, gone := range []string{"uid", "resourceVersion", "10.0.0.1", "31234", "hash", "default"} {
		assert.NotContains(t, text, gone)
	}
	for _, kept := range []string{"kind: Service", "port: 6443", "keep: me", "namespace: <namespace>"} {
		assert.Contains(t, text, kept)
	}
}

func TestScrubTellsWhetherAGenerationIsObserved(t *testing.T) {
	t.Parallel()
	object := map[string]any{
		"metadata": map[string]any{"generation": int64(4), "deletionTimestamp": "2030-01-01T00:00:00Z"},
		"status": map[string]any{
			"observedGeneration": int64(4),
			"conditions":         []any{map[string]any{"observedGeneration": int64(3), "lastTransitionTime": "x"}},
		},
	}
	scrub(object, 4)
	assert.Equal(t, map[string]any{
		"metadata": map[string]any{"deletionTimestamp": "<set>"},
		"status": map[string]any{
			"observedGeneration": true, "conditions": []any{map[string]any{"observedGeneration": false}},
		},
	}, object)
}
