// SPDX-License-Identifier: Apache-2.0

package cloudinit_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/bootstrapdata"
	"github.com/k0smotron/k0smotron/bootstrap/internal/userdata/cloudinit"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/jointoken"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// input is testdata/<case>/in.yaml.
type input struct {
	Machine struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"machine"`
	Join struct {
		URL      string              `json:"url"`
		Files    []contract.JoinFile `json:"files"`
		Commands []string            `json:"commands"`
	} `json:"join"`
	Spec bootstrapv1.K0sWorkerConfigSpec `json:"spec"`
}

// TestGolden renders testdata/<case>/in.yaml into testdata/<case>/user-data.yaml.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, name := range cases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := cloudinit.Encode(build(t, name))
			require.NoError(t, err)

			golden := filepath.Join("testdata", name, "user-data.yaml")
			if *update {
				require.NoError(t, os.WriteFile(golden, got, 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Empty(t, cmp.Diff(string(want), string(got)), "run the test with -update and look at the difference")
		})
	}
}

// TestUserDataIsSmall leaves room in what clouds accept: 16 KiB on the smallest.
func TestUserDataIsSmall(t *testing.T) {
	t.Parallel()
	got, err := cloudinit.Encode(build(t, "minimal"))
	require.NoError(t, err)
	assert.Less(t, len(got), 10<<10)
}

func cases(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("testdata")
	require.NoError(t, err)
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		if _, err := os.Stat(filepath.Join("testdata", entry.Name(), "in.yaml")); err == nil {
			names = append(names, entry.Name())
		}
	}
	require.NotEmpty(t, names)
	return names
}

func build(t *testing.T, name string) bootstrapdata.Data {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name, "in.yaml"))
	require.NoError(t, err)
	var in input
	require.NoError(t, yaml.UnmarshalStrict(text, &in))

	version, err := bootstrapdata.ResolveVersion(in.Spec.Version, in.Machine.Version, in.Spec.InstallSpec)
	require.NoError(t, err)
	data, err := bootstrapdata.BuildWorker(bootstrapdata.Worker{
		MachineName: in.Machine.Name,
		Version:     version,
		Spec:        in.Spec,
		Files:       inlineFiles(in.Spec.Files),
		Join:        contract.JoinInfo{WorkerURL: in.Join.URL, Files: in.Join.Files, Commands: in.Join.Commands},
		JoinToken:   token(t, in.Join.URL),
	})
	require.NoError(t, err)
	return data
}

func inlineFiles(files []bootstrapv1.File) []bootstrapdata.File {
	inline := make([]bootstrapdata.File, 0, len(files))
	for _, file := range files {
		permissions := file.Permissions
		if permissions == "" {
			permissions = "0644"
		}
		inline = append(inline, bootstrapdata.File{
			Path: file.Path, Content: []byte(*file.Content), Permissions: permissions,
		})
	}
	return inline
}

func token(t *testing.T, url string) string {
	t.Helper()
	text, err := jointoken.Join{
		Role:  jointoken.Worker,
		URL:   url,
		CA:    []byte("-----BEGIN CERTIFICATE-----\nZXhhbXBsZQ==\n-----END CERTIFICATE-----\n"),
		Token: jointoken.Token{ID: "abcdef", Secret: "0123456789abcdef"},
	}.Encode()
	require.NoError(t, err)
	return text
}
