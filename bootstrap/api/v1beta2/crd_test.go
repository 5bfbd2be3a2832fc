// SPDX-License-Identifier: Apache-2.0

package v1beta2_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"sigs.k8s.io/yaml"
)

// TestCRDsAreAccepted checks the schemas as an API server does, the cost of every CEL rule included.
func TestCRDsAreAccepted(t *testing.T) {
	t.Parallel()
	for name, crd := range loadCRDs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			internal := &apiextensions.CustomResourceDefinition{}
			require.NoError(t,
				apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(crd, internal, nil))
			internal.Status.StoredVersions = []string{"v1beta2"}

			assert.Empty(t, validation.ValidateCustomResourceDefinition(t.Context(), internal))
		})
	}
}

// TestCRDsFollowTheContract pins what Cluster API and clusterctl look for.
func TestCRDsFollowTheContract(t *testing.T) {
	t.Parallel()
	crds := loadCRDs(t)
	require.Len(t, crds, 3)
	for name, crd := range crds {
		assert.Equal(t, "v1beta2", crd.Labels["cluster.x-k8s.io/v1beta2"], name)
		assert.Equal(t, apiextensionsv1.NamespaceScoped, crd.Spec.Scope, name)
		assert.Contains(t, crd.Spec.Names.Categories, "cluster-api", name)
		require.Len(t, crd.Spec.Versions, 1, name)
		assert.Equal(t, "v1beta2", crd.Spec.Versions[0].Name, name)
		assert.NotEmpty(t, crd.Spec.Versions[0].AdditionalPrinterColumns, name)
	}
	assert.Contains(t, crds, "k0scontrollerconfigs.bootstrap.cluster.x-k8s.io")
	assert.Contains(t, crds, "k0sworkerconfigs.bootstrap.cluster.x-k8s.io")
	assert.Contains(t, crds, "k0sworkerconfigtemplates.bootstrap.cluster.x-k8s.io")
}

// TestSchemaHasNoDefaults holds because a default that changes what a template says makes ClusterClass fight with us.
func TestSchemaHasNoDefaults(t *testing.T) {
	t.Parallel()
	for name, crd := range loadCRDs(t) {
		assertNoDefaults(t, name, crd.Spec.Versions[0].Schema.OpenAPIV3Schema)
	}
}

func assertNoDefaults(t *testing.T, path string, schema *apiextensionsv1.JSONSchemaProps) {
	t.Helper()
	assert.Nil(t, schema.Default, path)
	for name, property := range schema.Properties {
		assertNoDefaults(t, path+"."+name, &property)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		assertNoDefaults(t, path+"[]", schema.Items.Schema)
	}
}

// ruleMessages are the messages of all CEL rules below a schema.
func ruleMessages(schema *apiextensionsv1.JSONSchemaProps) []string {
	var messages []string
	for _, rule := range schema.XValidations {
		messages = append(messages, rule.Message)
	}
	for _, property := range schema.Properties {
		messages = append(messages, ruleMessages(&property)...)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		messages = append(messages, ruleMessages(schema.Items.Schema)...)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		messages = append(messages, ruleMessages(schema.AdditionalProperties.Schema)...)
	}
	return messages
}

func loadCRDs(t *testing.T) map[string]*apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	files, err := filepath.Glob("../../config/crd/bases/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	crds := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		crd := &apiextensionsv1.CustomResourceDefinition{}
		require.NoError(t, yaml.UnmarshalStrict(text, crd))
		crds[crd.Name] = crd
	}
	return crds
}
