// SPDX-License-Identifier: Apache-2.0

package dist_test

import (
	"bytes"
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/e2e/dist"
)

const fixture = "testdata/repo"

// repository is the root of this repository, whose providers are tested as they are.
const repository = "../.."

func bootstrap() dist.Provider { return dist.Providers()[0] }

// eachProvider runs the test for the fixture and for every provider of this repository.
func eachProvider(t *testing.T, test func(t *testing.T, p dist.Provider, manifests dist.Manifests)) {
	t.Helper()
	t.Run("Fixture", func(t *testing.T) {
		t.Parallel()
		test(t, bootstrap(), render(t, fixture, bootstrap()))
	})
	for _, p := range dist.Providers() {
		t.Run(p.Folder, func(t *testing.T) {
			t.Parallel()
			test(t, p, render(t, repository, p))
		})
	}
}

func render(t *testing.T, root string, p dist.Provider) dist.Manifests {
	t.Helper()
	manifests, err := dist.Render(root, p)
	require.NoError(t, err)
	return manifests
}

func newChart(t *testing.T, p dist.Provider, manifests dist.Manifests) dist.Chart {
	t.Helper()
	chart, err := dist.NewChart(p, manifests)
	require.NoError(t, err)
	return chart
}

func TestRenderReadsTheManifests(t *testing.T) {
	t.Parallel()
	manifests := render(t, fixture, bootstrap())
	assert.Equal(t, "v0.1.0", manifests.Version)
	assert.Contains(
		t,
		string(manifests.YAML),
		"${K0SMOTRON_DIAGNOSTICS_ADDRESS:=:8443}",
		"clusterctl wants the variables",
	)
	deployment := find(t, manifests.Objects, "Deployment")
	containers, _, err := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
	require.NoError(t, err)
	assert.Equal(t, []any{
		"--diagnostics-address=:8443", "--insecure-diagnostics=false",
		"--own-image=ghcr.io/k0smotron/k0smotron-bootstrap:v0.1.0",
	}, containers[1].(map[string]any)["args"])
}

func TestRenderRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ old, replacement, want string }{
		"Latest": {
			"k0smotron-bootstrap:v0.1.0",
			"k0smotron-bootstrap:latest",
			"want ghcr.io/k0smotron/k0smotron-bootstrap:vX.Y.Z",
		},
		"ForeignName": {"ghcr.io/k0smotron", "example.org", "want ghcr.io/k0smotron/k0smotron-bootstrap:vX.Y.Z"},
		"NoManager": {
			"name: manager\n        image",
			"name: controller\n        image",
			"no Deployment has a container of that name",
		},
		"NotYAML": {"kind: Deployment", "kind: [", "rendering"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			require.NoError(t, os.CopyFS(root, os.DirFS(fixture)))
			manager := filepath.Join(root, "bootstrap/config/default/manager.yaml")
			content, err := os.ReadFile(manager)
			require.NoError(t, err)
			require.Contains(t, string(content), test.old)
			changed := strings.ReplaceAll(string(content), test.old, test.replacement)
			require.NoError(t, os.WriteFile(manager, []byte(changed), 0o600))

			_, err = dist.Render(root, bootstrap())
			assert.ErrorContains(t, err, test.want)
		})
	}
}

func TestChartRendersWhatKustomizeRenders(t *testing.T) {
	t.Parallel()
	eachProvider(t, func(t *testing.T, p dist.Provider, manifests dist.Manifests) {
		t.Helper()
		chart := newChart(t, p, manifests)
		assertSame(t, manifests.Objects, evaluate(t, chart, "default", nil))
	})
}

func TestChartUsesItsValuesEverywhere(t *testing.T) {
	t.Parallel()
	eachProvider(t, func(t *testing.T, p dist.Provider, manifests dist.Manifests) {
		t.Helper()
		got := evaluate(t, newChart(t, p, manifests), "default", map[string]any{
			"namespace": "elsewhere", "replicas": 3,
			"image":     map[string]any{"repository": "example.org/mine", "tag": "v9"},
			"resources": map[string]any{"requests": map[string]any{"cpu": "1"}},
		})
		deployment := find(t, got, "Deployment")
		replicas, _, _ := unstructured.NestedFieldNoCopy(deployment.Object, "spec", "replicas")
		assert.EqualValues(t, 3, replicas)
		for _, object := range got {
			text, err := yaml.Marshal(object.Object)
			require.NoError(t, err)
			assert.NotContains(t, string(text), "ghcr.io/k0smotron/", "%s keeps the old image", object.GetName())
			assert.NotContains(t, string(text), "namespace: "+p.Product, "%s keeps the old namespace", object.GetName())
			assert.NotContains(t, string(text), "."+p.Product+".svc", "%s keeps the old namespace", object.GetName())
			assert.NotContains(t, string(text), ": "+p.Product+"/", "%s keeps the old namespace", object.GetName())
			if object.GetKind() == "Deployment" {
				assert.Contains(t, string(text), "image: example.org/mine:v9")
				assert.Contains(t, string(text), "cpu: \"1\"")
			}
		}
		assert.Equal(t, "elsewhere", find(t, got, "Namespace").GetName())
	})
}

func TestChartLeavesItsReleasesNamespaceAlone(t *testing.T) {
	t.Parallel()
	manifests := render(t, fixture, bootstrap())
	for _, object := range evaluate(t, newChart(t, bootstrap(), manifests), "k0smotron-bootstrap", nil) {
		assert.NotEqual(t, "Namespace", object.GetKind())
	}
}

func TestChartsInTheRepositoryAreUpToDate(t *testing.T) {
	t.Parallel()
	for _, p := range dist.Providers() {
		t.Run(p.Folder, func(t *testing.T) {
			t.Parallel()
			want := newChart(t, p, render(t, repository, p)).Files
			assert.Empty(t, gocmp.Diff(want, readDir(t, p.ChartDir(repository))), "run `make chart`")
		})
	}
}

func TestChartWritesAndPacksTheSame(t *testing.T) {
	t.Parallel()
	chart := newChart(t, bootstrap(), render(t, fixture, bootstrap()))
	dir := filepath.Join(t.TempDir(), "chart")
	require.NoError(t, os.MkdirAll(dir, 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "stale.yaml"), nil, 0o600))
	require.NoError(t, chart.WriteDir(dir))
	assert.Empty(t, gocmp.Diff(chart.Files, readDir(t, dir)))

	first, second := filepath.Join(t.TempDir(), "a.tgz"), filepath.Join(t.TempDir(), "b.tgz")
	require.NoError(t, chart.WriteArchive(first))
	require.NoError(t, chart.WriteArchive(second))
	a, err := os.ReadFile(first)
	require.NoError(t, err)
	b, err := os.ReadFile(second)
	require.NoError(t, err)
	assert.Equal(t, a, b)
}

// evaluate renders a chart as Helm does, with the three functions that our templates use.
// TestHelmAgrees holds this renderer to the real one.
func evaluate(t *testing.T, chart dist.Chart, namespace string, values map[string]any) []*unstructured.Unstructured {
	t.Helper()
	all := map[string]any{}
	require.NoError(t, yaml.Unmarshal(chart.Files["values.yaml"], &all))
	maps.Copy(all, values)
	var objects []*unstructured.Unstructured
	for name, content := range chart.Files {
		if !strings.HasPrefix(name, "templates/") {
			continue
		}
		parsed, err := template.New(name).Option("missingkey=error").Funcs(helmFunctions()).Parse(string(content))
		require.NoError(t, err)
		var text bytes.Buffer
		require.NoError(t, parsed.Execute(&text, map[string]any{
			"Values": all, "Release": map[string]any{"Namespace": namespace},
		}))
		parts, err := dist.Parse(text.Bytes())
		require.NoError(t, err, "%s", text.String())
		objects = append(objects, parts...)
	}
	return objects
}

func helmFunctions() template.FuncMap {
	return template.FuncMap{
		"quote": func(text string) string { return `"` + text + `"` },
		"toYaml": func(value any) (string, error) {
			text, err := yaml.Marshal(value)
			return strings.TrimSuffix(string(text), "\n"), err
		},
		"nindent": func(indent int, text string) string {
			return "\n" + strings.Repeat(" ", indent) + strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", indent))
		},
	}
}

// assertSame compares object by object; the annotation that keeps CRDs is the one thing a chart adds.
func assertSame(t *testing.T, kustomize, chart []*unstructured.Unstructured) {
	t.Helper()
	for _, object := range chart {
		if object.GetKind() != "CustomResourceDefinition" {
			continue
		}
		annotations := object.GetAnnotations()
		assert.Equal(t, "keep", annotations[dist.KeepAnnotation], object.GetName())
		delete(annotations, dist.KeepAnnotation)
		object.SetAnnotations(annotations)
	}
	require.Equal(t, keys(kustomize), keys(chart))
	byKey := map[string]*unstructured.Unstructured{}
	for _, object := range chart {
		byKey[key(object)] = object
	}
	for _, object := range kustomize {
		assert.Empty(t, gocmp.Diff(object.Object, byKey[key(object)].Object), key(object))
	}
}

func key(object *unstructured.Unstructured) string {
	return object.GetAPIVersion() + " " + object.GetKind() + " " + object.GetNamespace() + "/" + object.GetName()
}

func keys(objects []*unstructured.Unstructured) []string {
	list := make([]string, 0, len(objects))
	for _, object := range objects {
		list = append(list, key(object))
	}
	slices.SortFunc(list, cmp.Compare)
	return list
}

func find(t *testing.T, objects []*unstructured.Unstructured, kind string) *unstructured.Unstructured {
	t.Helper()
	for _, object := range objects {
		if object.GetKind() == kind {
			return object
		}
	}
	require.Fail(t, "no "+kind)
	return nil
}

func readDir(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = content
		return err
	}))
	return files
}
