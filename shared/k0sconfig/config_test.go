// SPDX-License-Identifier: Apache-2.0

package k0sconfig_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/shared/k0sconfig"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// input is what in.yaml holds.
type input struct {
	Facts k0sconfig.Facts `json:"facts"`
	User  map[string]any  `json:"user,omitempty"`
}

func readInput(t testing.TB, folder string) input {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "in.yaml"))
	require.NoError(t, err)
	var in input
	require.NoError(t, yaml.UnmarshalStrict(text, &in))
	return in
}

func goldenCases(t testing.TB) []string {
	t.Helper()
	folders, err := filepath.Glob("testdata/*/in.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for i := range folders {
		folders[i] = filepath.Dir(folders[i])
	}
	return folders
}

func checkGolden(t *testing.T, file string, got []byte) {
	t.Helper()
	got = append([]byte("# SPDX-License-Identifier: Apache-2.0\n"), got...)
	if *update {
		require.NoError(t, os.WriteFile(file, got, 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "run go test with -update")
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, folder := range goldenCases(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			in := readInput(t, folder)
			config, err := k0sconfig.Effective(in.User, in.Facts)
			require.NoError(t, err)
			node, err := config.NodeLocalYAML()
			require.NoError(t, err)
			checkGolden(t, filepath.Join(folder, "want-node.yaml"), node)
			cluster, err := config.ClusterWideYAML()
			require.NoError(t, err)
			checkGolden(t, filepath.Join(folder, "want-cluster.yaml"), cluster)
		})
	}
}

// TestUserIsNotChanged: the document belongs to a cached object.
func TestUserIsNotChanged(t *testing.T) {
	t.Parallel()
	for _, folder := range goldenCases(t) {
		in, untouched := readInput(t, folder), readInput(t, folder)
		_, err := k0sconfig.Effective(in.User, in.Facts)
		require.NoError(t, err)
		assert.Empty(t, cmp.Diff(untouched, in, cmp.AllowUnexported(k0sversion.Version{})), folder)
	}
}

// TestPartsAreSeparate: who changes one part does not change the other.
func TestPartsAreSeparate(t *testing.T) {
	t.Parallel()
	for _, folder := range goldenCases(t) {
		in := readInput(t, folder)
		config, err := k0sconfig.Effective(in.User, in.Facts)
		require.NoError(t, err)
		before, err := config.ClusterWideYAML()
		require.NoError(t, err)
		scribble(config.NodeLocal)
		after, err := config.ClusterWideYAML()
		require.NoError(t, err)
		assert.Equal(t, string(before), string(after), folder)
	}
}

// scribble writes into every object of a document.
func scribble(value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, child := range value {
			scribble(child)
		}
		value["scribbled"] = true
	case []any:
		for _, child := range value {
			scribble(child)
		}
	}
}

// TestEffectiveIsStable: what comes out may go in again and says the same.
func TestEffectiveIsStable(t *testing.T) {
	t.Parallel()
	for _, folder := range goldenCases(t) {
		in := readInput(t, folder)
		once, err := k0sconfig.Effective(in.User, in.Facts)
		require.NoError(t, err)
		twice, err := k0sconfig.Effective(rejoined(once), in.Facts)
		require.NoError(t, err, folder)
		assert.Empty(t, cmp.Diff(once, twice), folder)
	}
}

// rejoined is the document that was cut in two.
func rejoined(config k0sconfig.Config) map[string]any {
	return overlay(overlay(map[string]any{}, config.ClusterWide), config.NodeLocal)
}

func overlay(base, top map[string]any) map[string]any {
	merged := maps.Clone(base)
	for key, value := range top {
		lower, isObject := merged[key].(map[string]any)
		upper, overObject := value.(map[string]any)
		if isObject && overObject {
			value = overlay(lower, upper)
		}
		merged[key] = value
	}
	return merged
}

func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	for _, folder := range goldenCases(t) {
		in := readInput(t, folder)
		config, err := k0sconfig.Effective(in.User, in.Facts)
		require.NoError(t, err)
		for key, value := range objectAt(in.User, "spec") {
			if _, isObject := value.(map[string]any); !isObject {
				assert.Contains(t, objectAt(rejoined(config), "spec"), key, folder)
				continue
			}
			for inner := range objectAt(in.User, "spec", key) {
				assert.Contains(t, objectAt(rejoined(config), "spec", key), inner, folder)
			}
		}
	}
}

func objectAt(document map[string]any, keys ...string) map[string]any {
	for _, key := range keys {
		document, _ = document[key].(map[string]any)
	}
	return document
}

func TestVersionIsNeeded(t *testing.T) {
	t.Parallel()
	_, err := k0sconfig.Effective(nil, k0sconfig.Facts{})
	require.ErrorContains(t, err, "version is not known")
}

func TestUnspeakableDocument(t *testing.T) {
	t.Parallel()
	_, err := k0sconfig.Effective(map[string]any{"spec": make(chan int)}, k0sconfig.Facts{Version: version(t, "v1.36.3")})
	require.ErrorContains(t, err, "computing k0s configuration")
}

func TestParse(t *testing.T) {
	t.Parallel()
	parsed, err := k0sconfig.Parse([]byte("spec: {api: {port: 6443}}\n"))
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"port": int64(6443)}, objectAt(parsed, "spec", "api"))
	parsed, err = k0sconfig.Parse([]byte(`{"spec":{"api":{"port":6443}}}`))
	require.NoError(t, err)
	assert.NotEmpty(t, objectAt(parsed, "spec", "api"))
	parsed, err = k0sconfig.Parse(nil)
	require.NoError(t, err)
	assert.Empty(t, parsed)
	for _, bad := range []string{"- a list", "spec: {}\nspec: {}", "{"} {
		_, err = k0sconfig.Parse([]byte(bad))
		require.ErrorContains(t, err, "reading k0s configuration", bad)
	}
}

func version(t testing.TB, text string) k0sversion.Version {
	t.Helper()
	parsed, err := k0sversion.Parse(text)
	require.NoError(t, err)
	return parsed
}

// FuzzEffective holds for any document: no panic, no change of the input, the
// result is stable and plain, and problems name a path and a fix.
func FuzzEffective(f *testing.F) {
	for _, folder := range goldenCases(f) {
		in := readInput(f, folder)
		user, err := json.Marshal(in.User)
		require.NoError(f, err)
		facts, err := json.Marshal(in.Facts)
		require.NoError(f, err)
		f.Add(user, facts)
	}
	for _, test := range problemCases() {
		user, err := json.Marshal(document(f, test.user))
		require.NoError(f, err)
		f.Add(user, []byte(`{"version":"v1.33.4","api":{"externalHost":"h","externalPort":1}}`))
	}
	f.Fuzz(func(t *testing.T, userJSON, factsJSON []byte) {
		var user, untouched map[string]any
		var facts k0sconfig.Facts
		if json.Unmarshal(userJSON, &user) != nil || json.Unmarshal(factsJSON, &facts) != nil {
			return
		}
		require.NoError(t, json.Unmarshal(userJSON, &untouched))
		once, err := k0sconfig.Effective(user, facts)
		require.Empty(t, cmp.Diff(untouched, user))
		if err != nil {
			requireUsefulProblems(t, err)
			return
		}
		twice, err := k0sconfig.Effective(rejoined(once), facts)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(once, twice))
		requireReadable(t, once)
	})
}

// requireReadable holds k0s.yaml against what it was written from. YAML cannot
// say every text that JSON can; then there is an error and no file.
func requireReadable(t *testing.T, config k0sconfig.Config) {
	t.Helper()
	written, err := config.NodeLocalYAML()
	if err != nil {
		require.ErrorContains(t, err, "writing k0s configuration")
		return
	}
	read, err := k0sconfig.Parse(written)
	require.NoError(t, err)
	want, err := json.Marshal(config.NodeLocal)
	require.NoError(t, err)
	got, err := json.Marshal(read)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(got))
}
