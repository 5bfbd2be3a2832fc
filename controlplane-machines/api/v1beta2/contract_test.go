// SPDX-License-Identifier: Apache-2.0

package v1beta2_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/yaml"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
)

const (
	controlPlanes = "k0scontrolplanes"
	templates     = "k0scontrolplanetemplates"
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

// TestCRDsAreAccepted checks the schemas as an API server does, the cost of every CEL rule included.
func TestCRDsAreAccepted(t *testing.T) {
	t.Parallel()
	for _, plural := range []string{controlPlanes, templates} {
		internal := &apiextensions.CustomResourceDefinition{}
		require.NoError(t, apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(
			crd(t, plural), internal, nil))
		internal.Status.StoredVersions = []string{"v1beta2"}
		assert.Empty(t, validation.ValidateCustomResourceDefinition(t.Context(), internal), plural)
	}
}

// TestContract: where Cluster API reads and writes, there are the fields it expects, of the types it expects.
func TestContract(t *testing.T) {
	t.Parallel()
	installed := crd(t, controlPlanes)
	for path, want := range map[string]string{
		"spec.version":                                                      "string",
		"spec.replicas":                                                     "integer",
		"spec.machineTemplate.metadata.labels":                              "object",
		"spec.machineTemplate.metadata.annotations":                         "object",
		"spec.machineTemplate.spec.infrastructureRef.apiGroup":              "string",
		"spec.machineTemplate.spec.infrastructureRef.kind":                  "string",
		"spec.machineTemplate.spec.infrastructureRef.name":                  "string",
		"spec.machineTemplate.spec.readinessGates[].conditionType":          "string",
		"spec.machineTemplate.spec.readinessGates[].polarity":               "string",
		"spec.machineTemplate.spec.deletion.nodeDrainTimeoutSeconds":        "integer",
		"spec.machineTemplate.spec.deletion.nodeVolumeDetachTimeoutSeconds": "integer",
		"spec.machineTemplate.spec.deletion.nodeDeletionTimeoutSeconds":     "integer",
		"spec.machineTemplate.spec.taints[].key":                            "string",
		"spec.machineTemplate.spec.taints[].value":                          "string",
		"spec.machineTemplate.spec.taints[].effect":                         "string",
		"spec.machineTemplate.spec.taints[].propagation":                    "string",
		"status.initialization.controlPlaneInitialized":                     "boolean",
		"status.selector":                        "string",
		"status.replicas":                        "integer",
		"status.readyReplicas":                   "integer",
		"status.availableReplicas":               "integer",
		"status.upToDateReplicas":                "integer",
		"status.version":                         "string",
		"status.versions[].version":              "string",
		"status.versions[].replicas":             "integer",
		"status.conditions[].type":               "string",
		"status.conditions[].observedGeneration": "integer",
		"status.observedGeneration":              "integer",
	} {
		assert.Equal(t, want, schemaAt(t, installed, path).Type, path)
	}
	assert.NotContains(t, schemaAt(t, installed, "status").Properties, "externalManagedControlPlane",
		"there are Machines behind this control plane")
	assert.Equal(t, []string{"k0scp"}, installed.Spec.Names.ShortNames)
	scale := installed.Spec.Versions[0].Subresources.Scale
	require.NotNil(t, scale)
	assert.Equal(t, []string{".spec.replicas", ".status.replicas", ".status.selector"},
		[]string{scale.SpecReplicasPath, scale.StatusReplicasPath, *scale.LabelSelectorPath})
	assert.NotNil(t, installed.Spec.Versions[0].Subresources.Status)
}

// TestCRDsAreFound: Cluster API and clusterctl look for these.
func TestCRDsAreFound(t *testing.T) {
	t.Parallel()
	for _, plural := range []string{controlPlanes, templates} {
		installed := crd(t, plural)
		assert.Equal(t, plural+".controlplane.cluster.x-k8s.io", installed.Name)
		assert.Equal(t, "v1beta2", installed.Labels["cluster.x-k8s.io/v1beta2"])
		assert.Contains(t, installed.Spec.Names.Categories, "cluster-api")
		assert.Equal(t, apiextensionsv1.NamespaceScoped, installed.Spec.Scope)
		require.Len(t, installed.Spec.Versions, 1)
		assert.Equal(t, "v1beta2", installed.Spec.Versions[0].Name)
		assert.NotEmpty(t, installed.Spec.Versions[0].AdditionalPrinterColumns)
	}
}

// TestTemplateHasNoTopologyFields: version, replicas and infrastructure of what is made from a template come from the
// topology.
func TestTemplateHasNoTopologyFields(t *testing.T) {
	t.Parallel()
	installed := crd(t, templates)
	template := schemaAt(t, installed, "spec.template")
	assert.Contains(t, template.Properties, "metadata")
	for _, field := range []string{"version", "replicas"} {
		assert.NotContains(t, template.Properties["spec"].Properties, field)
	}
	machines := schemaAt(t, installed, "spec.template.spec.machineTemplate")
	assert.NotContains(t, machines.Properties, "infrastructureRef")
	assert.NotContains(t, machines.Properties["spec"].Properties, "infrastructureRef")

	whole := schemaAt(t, crd(t, controlPlanes), "spec")
	for name := range template.Properties["spec"].Properties {
		assert.Contains(t, whole.Properties, name, "what a template has, a control plane has")
	}
	wholeMachines := whole.Properties["machineTemplate"].Properties["spec"]
	for name := range machines.Properties["spec"].Properties {
		assert.Contains(t, wholeMachines.Properties, name)
	}
}

// TestDefaults: a default in the schema would be the user's word for ever after. replicas has one, because the scale
// subresource reads the field itself, and updateStrategy, because it must be stored. A template has none: it would be
// written into what is made from it.
func TestDefaults(t *testing.T) {
	t.Parallel()
	found := map[string]string{}
	for _, plural := range []string{controlPlanes, templates} {
		defaults(plural, *crd(t, plural).Spec.Versions[0].Schema.OpenAPIV3Schema, found)
	}
	assert.Equal(t, map[string]string{
		controlPlanes + ".spec.replicas": "1", controlPlanes + ".spec.updateStrategy": `"Recreate"`,
	}, found)
}

func defaults(path string, schema apiextensionsv1.JSONSchemaProps, found map[string]string) {
	if schema.Default != nil {
		found[path] = string(schema.Default.Raw)
	}
	for name, property := range schema.Properties {
		defaults(path+"."+name, property, found)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		defaults(path+"[]", *schema.Items.Schema, found)
	}
}

// TestEmptyFieldsAreLeftOut: server-side apply must not claim what nobody set.
func TestEmptyFieldsAreLeftOut(t *testing.T) {
	t.Parallel()
	object := &controlplanev1.K0sControlPlane{}
	object.Spec.Version = "v1.36.3+k0s.2"
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"version": "v1.36.3+k0s.2"}, fields["spec"])
	assert.NotContains(t, fields, "status")

	template := &controlplanev1.K0sControlPlaneTemplate{}
	fields, err = runtime.DefaultUnstructuredConverter.ToUnstructured(template)
	require.NoError(t, err)
	assert.NotContains(t, fields, "spec")
}

func TestZeroIsTold(t *testing.T) {
	t.Parallel()
	object := &controlplanev1.K0sControlPlane{}
	object.Status.Replicas, object.Status.ReadyReplicas = new(int32(0)), new(int32(0))
	object.Status.AvailableReplicas, object.Status.UpToDateReplicas = new(int32(0)), new(int32(0))
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	require.NoError(t, err)
	for _, counter := range []string{"replicas", "readyReplicas", "availableReplicas", "upToDateReplicas"} {
		count, found, err := unstructured.NestedInt64(fields, "status", counter)
		require.NoError(t, err)
		assert.True(t, found, counter)
		assert.Zero(t, count)
	}
}

func TestAccessors(t *testing.T) {
	t.Parallel()
	object := &controlplanev1.K0sControlPlane{}
	assert.False(t, object.Initialized())
	object.Status.Initialization.ControlPlaneInitialized = new(false)
	assert.False(t, object.Initialized())
	object.Status.Initialization.ControlPlaneInitialized = new(true)
	assert.True(t, object.Initialized())
	assert.Equal(t, int32(1), object.WishedReplicas())
	object.Spec.Replicas = new(int32(3))
	assert.Equal(t, int32(3), object.WishedReplicas())
	object.SetConditions([]metav1.Condition{{Type: clusterv1.AvailableCondition}})
	assert.Len(t, object.GetConditions(), 1)
	object.SetObservedGeneration(7)
	assert.Equal(t, int64(7), object.Status.ObservedGeneration)
}

// TestConditionNames: those that Cluster API mirrors, and those that KubeadmControlPlane has too, are named as there.
func TestConditionNames(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"Available": controlplanev1.AvailableCondition, "Initialized": controlplanev1.InitializedCondition,
		"CertificatesAvailable":         controlplanev1.CertificatesAvailableCondition,
		"EtcdClusterHealthy":            controlplanev1.EtcdClusterHealthyCondition,
		"ControlPlaneComponentsHealthy": controlplanev1.ControlPlaneComponentsHealthyCondition,
		"MachinesReady":                 controlplanev1.MachinesReadyCondition,
		"MachinesUpToDate":              controlplanev1.MachinesUpToDateCondition,
		"RollingOut":                    controlplanev1.RollingOutCondition,
		"ScalingUp":                     controlplanev1.ScalingUpCondition,
		"ScalingDown":                   controlplanev1.ScalingDownCondition,
		"Deleting":                      controlplanev1.DeletingCondition,
		"Paused":                        controlplanev1.PausedCondition,
	} {
		assert.Equal(t, want, got)
	}
}
