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

var update = flag.Bool("update", false, "write docs/what-you-see.md anew")

func TestWhatYouSee(t *testing.T) {
	lab, err := framework.Start(t.Context())
	require.NoError(t, err)
	cluster := lab.Create(t, "demo")
	cluster.Works(t, 6*time.Minute)

	machine := cluster.List(t, "Machine")[0].GetName()
	show := func(args ...string) string { return Stable(lab.Kubectl(t, args...)) }
	describe := func(kind, name string) string { return show("describe", "--show-events=false", kind, name) }
	page := render(t, map[string]string{
		"Get":          show("get", "k0smotroncontrolplane,k0sworkerconfig,machine", "-o", "wide"),
		"ControlPlane": describe("k0smotroncontrolplane", "demo"),
		"WorkerConfig": describe("k0sworkerconfig", machine),
		"Machine":      describe("machine", machine),
	})

	path := filepath.Join(lab.Paths.Repo, "docs", "what-you-see.md")
	if *update {
		require.NoError(t, os.WriteFile(path, page, 0o644))
		return
	}
	have, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(have), string(page)), "run this test with -update, and read the difference")
}

func render(t *testing.T, shown map[string]string) []byte {
	t.Helper()
	page, err := template.ParseFiles("testdata/what-you-see.md.tmpl")
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, page.Execute(&out, shown))
	return out.Bytes()
}
