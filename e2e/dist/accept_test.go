// SPDX-License-Identifier: Apache-2.0

package dist_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/k0smotron/k0smotron/e2e/dist"
)

// TestAPIServerAcceptsComponents creates what is released in a real API server that refuses unknown and double fields.
func TestAPIServerAcceptsComponents(t *testing.T) {
	t.Parallel()
	c := startAPIServer(t)
	for _, p := range dist.Providers() {
		t.Run(p.Folder, func(t *testing.T) {
			t.Parallel()
			manifests := render(t, repository, p)
			for _, object := range inOrder(manifests.Objects) {
				require.NoError(t, c.Create(t.Context(), object.DeepCopy()), key(object))
			}
			assertCRDsWork(t, c, manifests.Objects)
			assertManagerIsRestricted(t, c, p, manifests.Objects)
		})
	}
}

func startAPIServer(t *testing.T) client.Client {
	t.Helper()
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Skip("KUBEBUILDER_ASSETS is not set; make test sets it")
	}
	environment := &envtest.Environment{CRDDirectoryPaths: []string{certManagerCRDs(t)}, ErrorIfCRDPathMissing: true}
	config, err := environment.Start()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, environment.Stop()) })
	plain, err := client.New(config, client.Options{})
	require.NoError(t, err)
	return client.WithFieldValidation(plain, "Strict")
}

// certManagerCRDs finds the CRDs in the module that the lab runs.
func certManagerCRDs(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", "github.com/cert-manager/cert-manager")
	cmd.Dir = "../lab/binaries/certmanager"
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	require.NoError(t, err)
	var module struct{ Dir string }
	require.NoError(t, json.Unmarshal(out, &module))
	return filepath.Join(module.Dir, "deploy", "crds")
}

// inOrder puts namespaces and CRDs before what needs them, as clusterctl and Helm do.
func inOrder(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	sorted := slices.Clone(objects)
	first := []string{"CustomResourceDefinition", "Namespace"}
	slices.SortStableFunc(sorted, func(a, b *unstructured.Unstructured) int {
		return slices.Index(first, b.GetKind()) - slices.Index(first, a.GetKind())
	})
	return sorted
}

func assertCRDsWork(t *testing.T, c client.Client, objects []*unstructured.Unstructured) {
	t.Helper()
	for _, object := range objects {
		if object.GetKind() != "CustomResourceDefinition" {
			continue
		}
		live := object.DeepCopy()
		err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, 20*time.Second, true,
			func(ctx context.Context) (bool, error) {
				err := c.Get(ctx, client.ObjectKeyFromObject(object), live)
				return condition(live, "Established") == "True", err
			})
		require.NoError(t, err, "%s is not established", object.GetName())
		assert.Empty(t, condition(live, "NonStructuralSchema"), object.GetName())
	}
}

func condition(object *unstructured.Unstructured, kind string) string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, item := range conditions {
		if c, ok := item.(map[string]any); ok && c["type"] == kind {
			status, _ := c["status"].(string)
			return status
		}
	}
	return ""
}

// assertManagerIsRestricted creates a pod as the Deployment would, where the API server enforces Restricted Pod
// Security.
func assertManagerIsRestricted(t *testing.T, c client.Client, p dist.Provider, objects []*unstructured.Unstructured) {
	t.Helper()
	namespace := &corev1.Namespace{}
	namespace.Name = p.Product + "-restricted"
	namespace.Labels = map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}
	require.NoError(t, c.Create(t.Context(), namespace))

	template, found, err := unstructured.NestedMap(find(t, objects, "Deployment").Object, "spec", "template", "spec")
	require.NoError(t, err)
	require.True(t, found)
	pod := &corev1.Pod{}
	require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(template, &pod.Spec))
	pod.Namespace, pod.Name = namespace.Name, "manager"
	require.NoError(t, c.Create(t.Context(), pod, client.DryRunAll))

	pod.Spec.Containers[0].SecurityContext = nil
	assert.ErrorContains(t, c.Create(t.Context(), pod, client.DryRunAll), "violates PodSecurity", "the check can fail")
}
