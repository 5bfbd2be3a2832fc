// SPDX-License-Identifier: Apache-2.0

package webhook_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
)

// applied is a control plane as a user, or the topology controller, applies it: without replicas.
func applied(namespace string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"version": "v1.36.3+k0s.2"}}}
	object.SetGroupVersionKind(controlplanev1.GroupVersion.WithKind("K0smotronControlPlane"))
	object.SetNamespace(namespace)
	object.SetName("tiger")
	return object
}

func apply(t *testing.T, object *unstructured.Unstructured, options ...client.ApplyOption) *unstructured.Unstructured {
	t.Helper()
	written := object.DeepCopy()
	options = append(options, client.FieldOwner("capi-topology"), client.ForceOwnership)
	require.NoError(t, env.Client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(written), options...))
	return written
}

// TestReplicasDefault: who leaves them out has one, owns nothing of it, and never has to write again for its sake.
func TestReplicasDefault(t *testing.T) {
	t.Parallel()
	wish := applied(env.Namespace(t))
	first := apply(t, wish)
	replicas, _, err := unstructured.NestedInt64(first.Object, "spec", "replicas")
	require.NoError(t, err)
	assert.Equal(t, int64(1), replicas)
	for _, entry := range first.GetManagedFields() {
		assert.NotContains(t, entry.FieldsV1.GetRawString(), "f:replicas", "it is nobody's")
	}
	assert.Equal(t, first.Object, apply(t, wish, client.DryRunAll).Object)
	assert.Equal(t, first.Object, apply(t, wish).Object)
}

// TestScale: the scale subresource reads and writes the number of pods, and refuses another as the field does.
func TestScale(t *testing.T) {
	t.Parallel()
	object := &controlplanev1.K0smotronControlPlane{}
	key := client.ObjectKeyFromObject(apply(t, applied(env.Namespace(t))))
	require.NoError(t, env.Client.Get(t.Context(), key, object))
	scale := &autoscalingv1.Scale{}
	require.NoError(t, env.Client.SubResource("scale").Get(t.Context(), object, scale))
	assert.Equal(t, int32(1), scale.Spec.Replicas)

	require.NoError(t, env.Client.SubResource("scale").Update(t.Context(), object, client.WithSubResourceBody(scale)))
	scale.Spec.Replicas = 3
	err := env.Client.SubResource("scale").Update(t.Context(), object, client.WithSubResourceBody(scale))
	assert.True(t, apierrors.IsInvalid(err), "%v", err)
}

// TestColumns: what kubectl prints before anything has happened.
func TestColumns(t *testing.T) {
	t.Parallel()
	object := apply(t, applied(env.Namespace(t)))
	table := tableOf(t, object)
	require.Len(t, table.Rows, 1)
	for i, column := range table.ColumnDefinitions {
		if column.Name == "Desired" {
			assert.EqualValues(t, 1, table.Rows[0].Cells[i])
			return
		}
	}
	assert.Fail(t, "there is no column Desired")
}

// tableOf asks as kubectl does.
func tableOf(t *testing.T, object client.Object) *metav1.Table {
	t.Helper()
	c, err := rest.HTTPClientFor(env.Config)
	require.NoError(t, err)
	address, err := url.JoinPath(env.Config.Host, "apis", controlplanev1.GroupVersion.String(),
		"namespaces", object.GetNamespace(), "k0smotroncontrolplanes")
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Accept", "application/json;as=Table;g=meta.k8s.io;v=v1")
	response, err := c.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, http.StatusOK, response.StatusCode)
	table := &metav1.Table{}
	require.NoError(t, json.NewDecoder(response.Body).Decode(table))
	return table
}
