// SPDX-License-Identifier: Apache-2.0

package addons

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/provisioner"
)

// addons are all, with files in place of the programs.
func addons(t *testing.T) (layout.Paths, []Addon) {
	t.Helper()
	p := layout.Paths{State: "/state", Cache: t.TempDir()}
	all := All(p, filepath.Join(p.Cache, "lab-controller"))
	for _, addon := range all {
		for _, file := range addon.Image.Files {
			require.NoError(t, layout.Write(file.Source, []byte(file.Path), 0o755))
		}
	}
	return p, all
}

func objects(t *testing.T, manifest string) []unstructured.Unstructured {
	t.Helper()
	var found []unstructured.Unstructured
	for document := range strings.SplitSeq(manifest, "\n---\n") {
		object := unstructured.Unstructured{}
		require.NoError(t, yaml.UnmarshalStrict([]byte(document), &object.Object), document)
		if len(object.Object) > 0 {
			found = append(found, object)
		}
	}
	return found
}

func TestEveryAddonHasItsDeployment(t *testing.T) {
	t.Parallel()
	p, all := addons(t)
	images := map[string]string{}
	for _, addon := range all {
		rendered, err := addon.Render(p)
		require.NoError(t, err)
		for _, object := range objects(t, rendered) {
			if object.GetKind() != "Deployment" {
				continue
			}
			containers, _, err := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
			require.NoError(t, err)
			container, ok := containers[0].(map[string]any)
			require.True(t, ok)
			assert.Equal(t, "IfNotPresent", container["imagePullPolicy"], "nothing is ever pulled")
			images[object.GetNamespace()+"/"+object.GetName()], _ = container["image"].(string)
			build, _, err := unstructured.NestedString(object.Object,
				"spec", "template", "metadata", "annotations", "lab.k0smotron.io/build")
			require.NoError(t, err)
			assert.NotEmpty(t, build, "a new build must give new pods")
		}
	}
	want := map[string]string{}
	for _, addon := range all {
		want[addon.Namespace+"/"+addon.Name] = addon.Image.Name
	}
	assert.Equal(t, want, images)
}

func TestTheDefaultStorageClassIsOurs(t *testing.T) {
	t.Parallel()
	p, all := addons(t)
	rendered, err := all[1].Render(p)
	require.NoError(t, err)
	class := objects(t, rendered)[0]
	require.Equal(t, "StorageClass", class.GetKind())
	assert.Equal(t, provisioner.Name, class.Object["provisioner"])
	assert.Equal(t, "true", class.GetAnnotations()["storageclass.kubernetes.io/is-default-class"])
}

func TestRenderNeedsThePrograms(t *testing.T) {
	t.Parallel()
	p := layout.Paths{Cache: t.TempDir()}
	_, err := All(p, "/does/not/exist")[0].Render(p)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestCertManagerCRDs(t *testing.T) {
	t.Parallel()
	module := t.TempDir()
	_, err := CertManagerCRDs(module)
	require.ErrorContains(t, err, "none in")
	for _, name := range []string{"a", "b"} {
		require.NoError(t, layout.Write(filepath.Join(module, "deploy", "crds", name+".yaml"), []byte("kind: "+name), 0o600))
	}
	crds, err := CertManagerCRDs(module)
	require.NoError(t, err)
	assert.Len(t, objects(t, crds), 2)
}
