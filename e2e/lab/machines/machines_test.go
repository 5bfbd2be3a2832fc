// SPDX-License-Identifier: Apache-2.0

package machines

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/k0s"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/machine"
	"github.com/k0smotron/k0smotron/e2e/lab/machine/agent"
)

func TestTheAgentReadsWhatPrepareWrites(t *testing.T) {
	p := layout.Paths{State: t.TempDir(), Run: t.TempDir(), Cache: "/cache"}
	want := compose(p, k0s.Binary{Path: "/k0s"}, "/rootfs", "/images.tar")
	require.NoError(t, writeConfig(p, want))

	got, err := ReadConfig(configFile(p))
	require.NoError(t, err)
	assert.Empty(t, cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})))
	assert.DirExists(t, filepath.Dir(Socket(p)), "the provider's pod mounts it")
}

func TestReadConfigSaysWhatIsWrong(t *testing.T) {
	_, err := ReadConfig(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)

	broken := filepath.Join(t.TempDir(), "broken")
	require.NoError(t, os.WriteFile(broken, []byte("{"), 0o600))
	_, err = ReadConfig(broken)
	require.ErrorContains(t, err, "configuration")
}

func TestComposeOffersK0sUnderItsReleaseName(t *testing.T) {
	config := compose(
		layout.Paths{State: "/state", Run: "/run/lab", Cache: "/cache"},
		k0s.Binary{Path: "/k0s"},
		"/rootfs",
		"/i.tar",
	)
	assert.Equal(t, map[string]string{"k0s-" + k0s.Version + "-" + layout.Arch(): "/k0s"}, config.Downloads)
	assert.Equal(t, "10.211.0.1:8480", config.Address)
	assert.Equal(t, "/run/lab/agent/agent.sock", config.Socket)
	assert.Equal(t, "/state/balancers", config.Balancers)
}

func TestMachinesHaveWhatAK0sWithoutProgramsRuns(t *testing.T) {
	config := compose(layout.Paths{Cache: "/cache"}, k0s.Binary{}, "/rootfs", "/i.tar")
	kubernetes := "/cache/bin/kubernetes-v1.36.3+k0s/"
	assert.Equal(t, []machine.Program{
		{Source: "/cache/bin/etcd-v3.6.14/etcd", Path: "/usr/local/bin/etcd"},
		{Source: "/cache/bin/konnectivity-v0.36.0/konnectivity-server", Path: "/usr/local/bin/konnectivity-server"},
		{Source: kubernetes + "kube-apiserver", Path: "/usr/local/bin/kube-apiserver"},
		{Source: kubernetes + "kube-controller-manager", Path: "/usr/local/bin/kube-controller-manager"},
		{Source: kubernetes + "kube-scheduler", Path: "/usr/local/bin/kube-scheduler"},
		{Source: kubernetes + "kubectl", Path: "/usr/local/bin/kubectl"},
		{Source: kubernetes + "kubelet", Path: "/usr/local/bin/kubelet"},
	}, config.Machine.Programs)
}

func TestTheAgentStartsAnewWhenItsFilesChange(t *testing.T) {
	p := layout.Paths{State: t.TempDir(), Run: t.TempDir()}
	require.NoError(t, writeConfig(p, AgentConfig{Socket: Socket(p), Downloads: map[string]string{"b": "/b", "a": "/a"}}))
	spec := Agent(p, "/bin/machine-agent")
	assert.Equal(t, []string{"/bin/machine-agent", configFile(p), "/a", "/b"}, spec.Inputs)
	assert.Equal(t, []string{"/bin/machine-agent", "-config", configFile(p)}, spec.Args)
}

func TestWaitForTheAgent(t *testing.T) {
	p := layout.Paths{State: t.TempDir(), Run: t.TempDir()}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, Wait(ctx, p), "waiting for the machine agent")

	require.NoError(t, os.MkdirAll(filepath.Dir(Socket(p)), 0o755))
	listener, err := agent.Listen(t.Context(), Socket(p))
	require.NoError(t, err)
	host := machine.NewHost(machine.DefaultConfig(p))
	go func() { _ = agent.Serve(t.Context(), listener, agent.NewHandler(agent.Services{Machines: host})) }()
	require.NoError(t, Wait(t.Context(), p))
}

func TestDestroyAllWithoutMachines(t *testing.T) {
	names, err := DestroyAll(t.Context(), layout.Paths{State: t.TempDir(), Run: t.TempDir()})
	require.NoError(t, err)
	assert.Empty(t, names)
}
