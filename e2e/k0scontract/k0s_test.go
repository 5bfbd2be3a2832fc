// SPDX-License-Identifier: Apache-2.0

//go:build k0scontract

package k0scontract

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/k0s"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

var found struct {
	once   sync.Once
	binary k0s.Binary
	err    error
}

// testedK0s is the k0s that is held to the contract: the one the lab would take.
func testedK0s(t *testing.T, paths layout.Paths) k0s.Binary {
	t.Helper()
	found.once.Do(func() {
		found.binary, found.err = k0s.Find(t.Context(), paths)
		fmt.Println("held to the contract:", found.binary.Origin)
	})
	require.NoError(t, found.err)
	return found.binary
}

var built struct {
	once   sync.Once
	path   string
	output []byte
	err    error
}

// placer is the manager, whose subcommand places files in the pod.
func placer(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		// Not a directory of this test: others use the program too. Go's own directory of the run goes with it.
		dir := filepath.Dir(os.Args[0])
		built.path = filepath.Join(dir, "manager")
		build := exec.Command(
			"go",
			"build",
			"-C",
			filepath.Join(repoRoot(t), "controlplane-incluster"),
			"-buildvcs=false",
			"-o",
			built.path,
			".",
		)
		build.Env = append(build.Environ(), "CGO_ENABLED=0", "GOWORK=off")
		built.output, built.err = build.CombinedOutput()
	})
	require.NoError(t, built.err, string(built.output))
	return built.path
}
