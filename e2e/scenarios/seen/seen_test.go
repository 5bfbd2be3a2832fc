// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package seen

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"text/template"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/framework"
)

var (
	lab    *framework.Lab
	update = flag.Bool("update", false, "write the pages anew")
)

func TestMain(m *testing.M) { os.Exit(framework.Run(m, &lab)) }

func TestWhatYouSee(t *testing.T) {
	created := lab.Create(t, cluster)
	created.Works(t, 6*time.Minute)
	// The token is revoked, and the conditions that tell so written, when the node has joined.
	lab.Settled(t, 20*time.Second, 3*time.Minute)

	machine := created.Machine(t)
	describe := func(kind, name string) string {
		return StableObject(lab.Kubectl(t, "describe", "--show-events=false", kind, name))
	}
	compare(t, "docs", render(t, "what-you-see", map[string]string{
		"Get": StableTables(lab.Kubectl(t, "get", "k0smotroncontrolplane,k0sworkerconfig,machine", "-o", "wide",
			"--selector", "cluster.x-k8s.io/cluster-name="+cluster)),
		"ControlPlane": describe("k0smotroncontrolplane", cluster),
		"WorkerConfig": describe("k0sworkerconfig", machine),
		"Machine":      describe("machine", machine),
	}))
}

// compare holds the page of a folder to what was captured, or writes it anew.
func compare(t *testing.T, folder string, page []byte) {
	t.Helper()
	path := filepath.Join(lab.Paths.Repo, folder, "what-you-see.md")
	if *update {
		require.NoError(t, os.WriteFile(path, page, 0o644))
		return
	}
	have, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(have), string(page)),
		"run `go test -tags e2e ./scenarios/seen -update` in e2e, and read what git says has changed")
}

func render(t *testing.T, name string, shown map[string]string) []byte {
	t.Helper()
	page, err := template.ParseFiles(filepath.Join("testdata", name+".md.tmpl"))
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, page.Execute(&out, shown))
	return out.Bytes()
}
