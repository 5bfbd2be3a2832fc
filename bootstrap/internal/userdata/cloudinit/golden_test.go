// SPDX-License-Identifier: Apache-2.0

package cloudinit_test

import (
	"encoding/json"
	"encoding/pem"
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
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
	"github.com/k0smotron/k0smotron/shared/pki"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// input is testdata/<case>/in.yaml.
type input struct {
	// Kind is that of the config; a K0sWorkerConfig when it is not stated.
	Kind    string `json:"kind"`
	Machine struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"machine"`
	Join struct {
		URL      string              `json:"url"`
		Files    []contract.JoinFile `json:"files"`
		Commands []string            `json:"commands"`
	} `json:"join"`
	Spec json.RawMessage `json:"spec"`
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
	assert.Less(t, len(got), 11<<10)
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
	if in.Kind == "K0sControllerConfig" {
		return buildController(t, in)
	}
	var spec bootstrapv1.K0sWorkerConfigSpec
	in.read(t, &spec)
	version, err := bootstrapdata.ResolveVersion(spec.Version, in.Machine.Version, spec.InstallSpec)
	require.NoError(t, err)
	data, err := bootstrapdata.BuildWorker(bootstrapdata.Worker{
		MachineName: in.Machine.Name,
		Version:     version,
		Spec:        spec,
		Files:       inlineFiles(spec.Files),
		Join:        contract.JoinInfo{WorkerURL: in.Join.URL, Files: in.Join.Files, Commands: in.Join.Commands},
		JoinToken:   token(t, jointoken.Worker, in.Join.URL),
	})
	require.NoError(t, err)
	return data
}

func buildController(t *testing.T, in input) bootstrapdata.Data {
	t.Helper()
	var spec bootstrapv1.K0sControllerConfigSpec
	in.read(t, &spec)
	version, err := bootstrapdata.ResolveVersion(spec.Version, in.Machine.Version, spec.InstallSpec)
	require.NoError(t, err)
	document, err := k0sconfig.Parse(spec.K0s.Raw)
	require.NoError(t, err)
	joinToken := ""
	if bootstrapdata.NeedsToken(spec.Role, document) {
		joinToken = token(t, jointoken.Controller, in.Join.URL)
	}
	data, err := bootstrapdata.BuildController(bootstrapdata.Controller{
		MachineName: in.Machine.Name,
		Version:     version,
		Spec:        spec,
		K0s:         document,
		Files:       inlineFiles(spec.Files),
		Pairs:       examplePairs(),
		JoinToken:   joinToken,
	})
	require.NoError(t, err)
	return data
}

// examplePairs are PEM, and nothing else that is true of certificates.
func examplePairs() map[pki.Purpose]pki.Pair {
	pairs := map[pki.Purpose]pki.Pair{}
	for _, purpose := range pki.Purposes() {
		public := "CERTIFICATE"
		if !purpose.IsCA() {
			public = "PUBLIC KEY"
		}
		pairs[purpose] = pki.Pair{Cert: examplePEM(public, purpose), Key: examplePEM("EC PRIVATE KEY", purpose)}
	}
	return pairs
}

func examplePEM(kind string, purpose pki.Purpose) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte("example of " + purpose)})
}

func (in input) read(t *testing.T, spec any) {
	t.Helper()
	require.NoError(t, yaml.UnmarshalStrict(in.Spec, spec))
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

func token(t *testing.T, role jointoken.Role, url string) string {
	t.Helper()
	text, err := jointoken.Join{
		Role:  role,
		URL:   url,
		CA:    []byte("-----BEGIN CERTIFICATE-----\nZXhhbXBsZQ==\n-----END CERTIFICATE-----\n"),
		Token: jointoken.Token{ID: "abcdef", Secret: "0123456789abcdef"},
	}.Encode()
	require.NoError(t, err)
	return text
}
