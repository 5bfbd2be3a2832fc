// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite golden files with what the code renders")

// Golden compares what was rendered with the golden file at path, relative to the test's folder. With -update it writes
// the file instead; the change is then reviewed as a diff.
func Golden(t testing.TB, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("reading golden file: %v; write it with: go test . -update", err)
		return
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs from what is rendered (-want +got); accept it with: go test . -update\n%s", path, diff)
	}
}

// GoldenObjects compares objects, as a stream of YAML documents in the given order, with the golden file at path.
func GoldenObjects(t testing.TB, scheme *runtime.Scheme, path string, objects ...client.Object) {
	t.Helper()
	Golden(t, path, YAML(t, scheme, objects...))
}

// YAML is the objects as a stream of YAML documents with apiVersion and kind, as the scheme knows them. nil objects are
// left out.
func YAML(t testing.TB, scheme *runtime.Scheme, objects ...client.Object) []byte {
	t.Helper()
	var stream bytes.Buffer
	for _, object := range objects {
		if object == nil || reflect.ValueOf(object).IsNil() {
			continue
		}
		gvk, err := apiutil.GVKForObject(object, scheme)
		if err != nil {
			t.Fatal(err)
		}
		object.GetObjectKind().SetGroupVersionKind(gvk)
		document, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		stream.WriteString("---\n")
		stream.Write(document)
	}
	return stream.Bytes()
}
