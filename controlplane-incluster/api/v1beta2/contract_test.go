// SPDX-License-Identifier: Apache-2.0

package v1beta2_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/yaml"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
)

func crd(t *testing.T, plural string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../config/crd/bases", "controlplane.cluster.x-k8s.io_"+plural+".yaml"))
	require.NoError(t, err)
	crd := &apiextensionsv1.CustomResourceDefinition{}
	require.NoError(t, yaml.UnmarshalStrict(text, crd))
	return crd
}

// schemaAt follows a path of fields; [] stands for the elements of a list.
func schemaAt(
	t *testing.T,
	crd *apiextensionsv1.CustomResourceDefinition,
	path string,
) apiextensionsv1.JSONSchemaProps {
	t.Helper()
	schema := *crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	for field := range strings.SplitSeq(path, ".") {
		name, isList := strings.CutSuffix(field, "[]")
		next, found := schema.Properties[name]
		require.True(t, found, "%s: there is no %s", path, name)
		if isList {
			next = *next.Items.Schema
		}
		schema = next
	}
	return schema
}

// TestContract: where Cluster API reads and writes, there are the fields it expects, of the types it expects.
func TestContract(t *testing.T) {
	t.Parallel()
	installed := crd(t, "k0smotroncontrolplanes")
	for path, want := range map[string]string{
		"spec.version":                                  "string",
		"spec.replicas":                                 "integer",
		"spec.controlPlaneEndpoint.host":                "string",
		"spec.controlPlaneEndpoint.port":                "integer",
		"status.initialization.controlPlaneInitialized": "boolean",
		"status.externalManagedControlPlane":            "boolean",
		"status.selector":                               "string",
		"status.replicas":                               "integer",
		"status.readyReplicas":                          "integer",
		"status.availableReplicas":                      "integer",
		"status.upToDateReplicas":                       "integer",
		"status.version":                                "string",
		"status.versions[].version":                     "string",
		"status.versions[].replicas":                    "integer",
		"status.conditions[].type":                      "string",
		"status.conditions[].observedGeneration":        "integer",
		"status.observedGeneration":                     "integer",
	} {
		assert.Equal(t, want, schemaAt(t, installed, path).Type, path)
	}
	assert.Equal(t, "v1beta2", installed.Labels["cluster.x-k8s.io/v1beta2"])
	assert.Contains(t, installed.Spec.Names.Categories, "cluster-api")
	assert.Equal(t, []string{"k0smcp"}, installed.Spec.Names.ShortNames)
	require.Len(t, installed.Spec.Versions, 1)
	scale := installed.Spec.Versions[0].Subresources.Scale
	require.NotNil(t, scale)
	assert.Equal(t, []string{".spec.replicas", ".status.replicas", ".status.selector"},
		[]string{scale.SpecReplicasPath, scale.StatusReplicasPath, *scale.LabelSelectorPath})
	assert.NotNil(t, installed.Spec.Versions[0].Subresources.Status)
}

// TestTemplateHasNoTopologyFields: version and replicas of what is made from a template come from the topology.
func TestTemplateHasNoTopologyFields(t *testing.T) {
	t.Parallel()
	template := schemaAt(t, crd(t, "k0smotroncontrolplanetemplates"), "spec.template")
	assert.Contains(t, template.Properties, "metadata")
	for _, field := range []string{"version", "replicas", "controlPlaneEndpoint"} {
		assert.NotContains(t, template.Properties["spec"].Properties, field)
	}
	whole := schemaAt(t, crd(t, "k0smotroncontrolplanes"), "spec")
	for name := range template.Properties["spec"].Properties {
		assert.Contains(t, whole.Properties, name, "what a template has, a control plane has")
	}
}

// TestNoDefaults: a default in the schema would be the user's word for ever after, and a template's would be written into
// what is made from it. Replicas alone have one, because the scale subresource reads the field itself.
func TestNoDefaults(t *testing.T) {
	t.Parallel()
	replicas := schemaAt(t, crd(t, "k0smotroncontrolplanes"), "spec.replicas").Default
	require.NotNil(t, replicas)
	assert.Equal(t, "1", string(replicas.Raw))
	for _, plural := range []string{"k0smotroncontrolplanes", "k0smotroncontrolplanetemplates"} {
		noDefaults(t, plural, *crd(t, plural).Spec.Versions[0].Schema.OpenAPIV3Schema)
	}
}

func noDefaults(t *testing.T, path string, schema apiextensionsv1.JSONSchemaProps) {
	t.Helper()
	// What comes from core kinds is not ours.
	if strings.HasSuffix(path, ".resources") || strings.HasSuffix(path, ".persistentVolumeClaim") {
		return
	}
	if path != "k0smotroncontrolplanes.spec.replicas" {
		assert.Nil(t, schema.Default, path)
	}
	for name, property := range schema.Properties {
		noDefaults(t, path+"."+name, property)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		noDefaults(t, path+"[]", *schema.Items.Schema)
	}
}

// TestEmptyFieldsAreLeftOut: server-side apply must not claim what nobody set.
func TestEmptyFieldsAreLeftOut(t *testing.T) {
	t.Parallel()
	object := &controlplanev1.K0smotronControlPlane{}
	object.Spec.Version = "v1.36.3+k0s.2"
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	require.NoError(t, err)
	spec, _, err := unstructured.NestedMap(fields, "spec")
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"version": "v1.36.3+k0s.2"}, spec)
	assert.NotContains(t, fields, "status")
}

func TestZeroIsTold(t *testing.T) {
	t.Parallel()
	object := &controlplanev1.K0smotronControlPlane{}
	object.Status.ReadyReplicas = new(int32(0))
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	require.NoError(t, err)
	ready, found, err := unstructured.NestedInt64(fields, "status", "readyReplicas")
	require.NoError(t, err)
	assert.True(t, found)
	assert.Zero(t, ready)
}

func TestAccessors(t *testing.T) {
	t.Parallel()
	object := &controlplanev1.K0smotronControlPlane{}
	assert.False(t, object.Initialized())
	object.Status.Initialization.ControlPlaneInitialized = new(false)
	assert.False(t, object.Initialized())
	object.Status.Initialization.ControlPlaneInitialized = new(true)
	assert.True(t, object.Initialized())
	object.SetConditions([]metav1.Condition{{Type: clusterv1.AvailableCondition}})
	assert.Len(t, object.GetConditions(), 1)
	object.SetObservedGeneration(7)
	assert.Equal(t, int64(7), object.Status.ObservedGeneration)
}

// TestConditionNames: those that Cluster API mirrors are named as it expects.
func TestConditionNames(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "Available", controlplanev1.AvailableCondition)
	assert.Equal(t, "RollingOut", controlplanev1.RollingOutCondition)
	assert.Equal(t, "ScalingUp", controlplanev1.ScalingUpCondition)
	assert.Equal(t, "ScalingDown", controlplanev1.ScalingDownCondition)
	assert.Equal(t, "Paused", controlplanev1.PausedCondition)
	assert.Equal(t, "Deleting", controlplanev1.DeletingCondition)
}
