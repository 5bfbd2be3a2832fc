// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/app"
)

func TestArguments(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, app.Main(t.Context(), []string{"--nonsense"}), "nonsense")
	require.NoError(t, app.Main(t.Context(), []string{"--help"}))
}

// TestProviderIsThatOfItsManifests: what the manager checks at its start is what the release installs.
func TestProviderIsThatOfItsManifests(t *testing.T) {
	t.Parallel()
	provider, err := app.Provider()
	require.NoError(t, err)
	var kustomization struct {
		Namespace string `json:"namespace"`
		Labels    []struct {
			Pairs map[string]string `json:"pairs"`
		} `json:"labels"`
	}
	read(t, "config/default/kustomization.yaml", &kustomization)
	assert.Equal(t, provider.Name, kustomization.Namespace)
	assert.Equal(t, provider.Label, kustomization.Labels[0].Pairs["cluster.x-k8s.io/provider"])

	files, err := filepath.Glob("../../config/crd/bases/*.yaml")
	require.NoError(t, err)
	require.Len(t, files, len(provider.CRDs))
	for _, crd := range provider.CRDs {
		var installed struct {
			Metadata struct {
				Labels map[string]string `json:"labels"`
			} `json:"metadata"`
			Spec struct {
				Versions []struct {
					Name   string `json:"name"`
					Served bool   `json:"served"`
				} `json:"versions"`
			} `json:"spec"`
		}
		group := "controlplane.cluster.x-k8s.io"
		read(t, "config/crd/bases/"+group+"_"+crd.Name[:len(crd.Name)-len("."+group)]+".yaml", &installed)
		require.Len(t, installed.Spec.Versions, 1)
		assert.Equal(t, []string{installed.Spec.Versions[0].Name}, crd.Versions)
		assert.Equal(t, "v1beta2", installed.Metadata.Labels["cluster.x-k8s.io/v1beta2"], "the contract")
	}
}

// TestDeployment: the manager runs without rights on its node.
func TestDeployment(t *testing.T) {
	t.Parallel()
	var deployment appsv1.Deployment
	read(t, "config/manager/manager.yaml", &deployment)
	container := deployment.Spec.Template.Spec.Containers[0]
	assert.Equal(t, "manager", container.Name)
	assert.True(t, *deployment.Spec.Template.Spec.SecurityContext.RunAsNonRoot)
	assert.False(t, *container.SecurityContext.AllowPrivilegeEscalation)
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", path))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, into))
}
