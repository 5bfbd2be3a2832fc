// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	testclock "k8s.io/utils/clock/testing"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/mgmt"
	"github.com/k0smotron/k0smotron/e2e/lab/process"
	"github.com/k0smotron/k0smotron/e2e/lab/repository"
)

func TestInitArguments(t *testing.T) {
	t.Parallel()
	core := repository.Provider{Name: "cluster-api", Type: "CoreProvider"}
	bootstrap := repository.Provider{Name: "k0smotron", Type: "BootstrapProvider"}
	controlPlane := repository.Provider{Name: "k0smotron", Type: "ControlPlaneProvider"}
	infrastructure := repository.Provider{Name: "lab", Type: "InfrastructureProvider"}
	tests := map[string]struct {
		missing []repository.Provider
		run     initRun
		want    string
	}{
		"All": {
			[]repository.Provider{core, bootstrap, controlPlane, infrastructure},
			firstRun,
			"--core=cluster-api --bootstrap=k0smotron --control-plane=k0smotron --infrastructure=lab",
		},
		"NoKubeadmOnAFirstRun": {
			[]repository.Provider{core},
			firstRun,
			"--core=cluster-api --bootstrap=- --control-plane=-",
		},
		"LaterOnlyWhatIsMissing": {[]repository.Provider{bootstrap}, laterRun, "--bootstrap=k0smotron"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			arguments := initArguments(test.missing, test.run)
			assert.Equal(t, "init", arguments[0])
			assert.Equal(t, test.want, strings.Join(arguments[3:], " "))
		})
	}
}

func TestDirOf(t *testing.T) {
	t.Parallel()
	dir, err := dirOf(`{"Path": "x", "Dir": "/cache/x@v1"}`)
	require.NoError(t, err)
	assert.Equal(t, "/cache/x@v1", dir)
	for _, answer := range []string{"", "{}", "nonsense"} {
		_, err := dirOf(answer)
		require.Error(t, err, answer)
	}
}

func TestTheKubeletStopsFirst(t *testing.T) {
	t.Parallel()
	names := []string{"containerd", "etcd", "kubelet"}
	slices.SortStableFunc(names, func(a, b string) int { return stopOrder(a) - stopOrder(b) })
	assert.Equal(t, []string{"kubelet", "containerd", "etcd"}, names)
}

func TestAnOrphanIsNamedAndLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lab := &Lab{Paths: layout.Paths{State: dir, Run: filepath.Join(dir, "run")}}
	spec := process.Spec{Name: "agent", Args: []string{"sleep", "63.5"}}
	_, err := lab.programs().Ensure(t.Context(), spec)
	require.NoError(t, err)
	t.Cleanup(func() { _ = lab.programs().Stop(context.WithoutCancel(t.Context()), "agent", time.Second) })
	require.NoError(t, lab.checkOrphan(spec), "it is known")

	pid, _ := lab.programs().PID("agent")
	forgetful := &Lab{Paths: layout.Paths{State: dir, Run: filepath.Join(dir, "another")}}
	require.ErrorContains(t, forgetful.checkOrphan(spec), fmt.Sprintf("kill %d", pid))
	_, running := lab.programs().PID("agent")
	assert.True(t, running)
}

func TestStatusOfALabThatIsDown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lab := &Lab{Paths: layout.Paths{State: dir, Run: dir, Cache: dir}}
	var out strings.Builder
	require.NoError(t, lab.Status(t.Context(), &out))
	assert.Contains(t, out.String(), "kube-apiserver           stopped  -")
	assert.Contains(t, out.String(), "lab up")
}

func TestNewLeavesNothingOut(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	lab, err := New(&out)
	require.NoError(t, err)
	assert.Equal(t, &out, lab.Out, "who builds a machine image on a fresh machine says so")
	assert.FileExists(t, filepath.Join(lab.Paths.Repo, "go.work"))
}

func TestNothingIsWrittenAtHome(t *testing.T) {
	t.Setenv("KUBECACHEDIR", "")
	t.Setenv("CLUSTERCTL_DISABLE_VERSIONCHECK", "")
	require.NoError(t, stayAwayFromHome(layout.Paths{Cache: "/cache"}))
	assert.Equal(t, "/cache/kubectl", os.Getenv("KUBECACHEDIR"))
	assert.Equal(t, "true", os.Getenv("CLUSTERCTL_DISABLE_VERSIONCHECK"))
}

func TestLeftoversAreNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	clock := testclock.NewFakeClock(time.Now())
	lab := &Lab{
		Paths: layout.Paths{State: dir, Run: filepath.Join(dir, "run"), Cache: filepath.Join(dir, "cache")},
		Clock: clock,
	}
	go func() {
		for !t.Failed() && t.Context().Err() == nil {
			clock.Step(time.Minute)
			time.Sleep(10 * time.Millisecond)
		}
	}()
	_, err := lab.lookForLeftovers(t.Context())
	require.ErrorContains(t, err, "\n  directory "+dir)

	lab.Paths.State = filepath.Join(dir, "state")
	note, err := lab.lookForLeftovers(t.Context())
	if err != nil { // a lab may run on this machine
		assert.NotContains(t, err.Error(), dir)
		return
	}
	assert.Equal(t, "none", note)
}

func TestAProgramWithoutItsFileIsKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lab := &Lab{Paths: layout.Paths{State: dir, Run: filepath.Join(dir, "run")}}
	_, err := lab.programs().Ensure(t.Context(), process.Spec{Name: "agent", Args: []string{"sleep", "63.75"}})
	require.NoError(t, err)
	pid, _ := lab.programs().PID("agent")
	require.NoError(t, os.RemoveAll(lab.Paths.Run))

	marked := func() ([]string, error) { return process.Marked(lab.Paths.Run) }
	left, err := marked()
	require.NoError(t, err)
	require.Equal(t, []string{strconv.Itoa(pid)}, left)
	rest, err := lab.rest()
	require.NoError(t, err)
	assert.Contains(t, rest, strconv.Itoa(pid), "what down kills")
	_, err = process.KillAll(t.Context(), marked)
	require.NoError(t, err)
}

func TestThePluginDirectoryIsTheLabs(t *testing.T) {
	t.Parallel()
	lab := &Lab{Paths: layout.Paths{State: "/state"}}
	spec := lab.controllerManager()
	assert.Contains(t, spec.Args, "--flex-volume-plugin-dir=/state/controller-manager-plugins")
	assert.Equal(t, mgmt.ControllerManager(lab.Paths).Name, spec.Name)
}
