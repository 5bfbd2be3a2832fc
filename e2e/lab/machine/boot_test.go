// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package machine_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/machine"
	"github.com/k0smotron/k0smotron/e2e/lab/network"
	"github.com/k0smotron/k0smotron/e2e/lab/rootfs"
)

const userData = `#cloud-config
write_files:
- path: /root/written
  permissions: "0600"
  content: by cloud-init
- path: /etc/systemd/system/probe.service
  content: |
    [Service]
    Type=oneshot
    ExecStart=/bin/sh -c 'echo boot >> /var/lib/k0s/boots'
    [Install]
    WantedBy=multi-user.target
runcmd:
- systemctl enable --now probe.service
`

// TestLife takes a machine through everything that can happen to it, on this very host.
func TestLife(t *testing.T) {
	ctx := t.Context()
	config := labConfig(t)
	host := machine.NewHost(config)
	name := "life-of-a-machine"
	t.Cleanup(func() { assert.NoError(t, machine.NewHost(config).Destroy(context.Background(), name)) })

	state, err := host.Ensure(ctx, machine.Spec{
		Name: name, Owner: "test", UserData: []byte(userData), ControlPlane: true,
	})
	require.NoError(t, err)
	assert.Equal(t, "10.211.0.99", state.Address.String())
	assert.True(t, state.Running)
	boots := func() string {
		content, _ := os.ReadFile(filepath.Join(config.State, name, "k0s", "boots"))
		return string(content)
	}
	require.Eventually(t, func() bool { return boots() == "boot\n" }, time.Minute, 100*time.Millisecond)
	_, err = (&net.Dialer{}).DialContext(ctx, "tcp", state.Address.String()+":1")
	require.ErrorIs(t, err, syscall.ECONNREFUSED, "it answers")

	output, err := host.Exec(ctx, name, "sh", "-c",
		"cloud-init status --wait; stat -c %a /root/written; systemctl --failed --no-legend; hostname")
	require.NoError(t, err)
	assert.Regexp(t, `status: done\n600\n`+name+`\n$`, output, "no unit has failed")

	output, err = host.Exec(ctx, name, "sh", "-c", "stat -f -c %T /var/lib/k0s/etcd; echo kept > /var/lib/k0s/etcd/data")
	require.NoError(t, err)
	assert.Equal(t, "tmpfs\n", output)
	count, err := host.Signal(name, machine.Signal{Name: "CONT", Process: "dbus-daemon"})
	require.NoError(t, err)
	assert.Equal(t, 1, count)

	again, err := host.Ensure(ctx, machine.Spec{Name: name, Owner: "test", UserData: []byte("#cloud-config\n# other")})
	require.NoError(t, err)
	assert.Equal(t, state, again)

	require.NoError(t, machine.NewHost(config).PowerCut(ctx, name), "another process can do it")
	assertNothingRuns(t, name)
	require.NoError(t, host.Start(ctx, name))
	require.Eventually(t, func() bool { return boots() == strings.Repeat("boot\n", 2) }, time.Minute, 100*time.Millisecond)

	output, err = host.Exec(ctx, name, "cat", "/var/lib/k0s/etcd/data")
	require.NoError(t, err)
	assert.Equal(t, "kept\n", output, "what etcd wrote survives the loss of power")

	require.NoError(t, host.Stop(ctx, name))
	assertNothingRuns(t, name)
	console, err := os.ReadFile(filepath.Join(config.Logs, name+".log"))
	require.NoError(t, err)
	for _, said := range []string{"Cloud-init target", "Powering off"} {
		assert.Positive(t, strings.Count(string(console), said), "the console tells of %q", said)
	}

	require.NoError(t, host.Destroy(ctx, name))
	require.NoError(t, host.Destroy(ctx, name), "destroying what is not there")
	assert.NoDirExists(t, filepath.Join(config.State, name))
}

// TestLifeWithCgroupV2 does the same where a host with cgroup v1 looks like one that has only version 2.
func TestLifeWithCgroupV2(t *testing.T) {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		t.Skip("TestLife has done it: this host has cgroup v2 alone")
	}
	const asV2 = `umount -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$0" -test.run '^TestLife$'`
	require.NoError(
		t,
		command.Run(t.Context(), "unshare", "--mount", "--propagation", "private", "sh", "-c", asV2, os.Args[0]),
	)
}

func labConfig(t *testing.T) machine.Config {
	t.Helper()
	require.NoError(t, network.EnsureBridge(t.Context()))
	paths, err := layout.Default("")
	require.NoError(t, err)
	config := machine.DefaultConfig(layout.Paths{State: t.TempDir(), Run: t.TempDir()})
	config.Rootfs, err = rootfs.Ensure(t.Context(), paths.Cache, os.Stderr)
	require.NoError(t, err)
	config.Pool.First = config.Pool.Last // stay out of the way of a lab on the same host
	return config
}

func assertNothingRuns(t *testing.T, name string) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	assert.NotContains(t, string(mounts), name)
	assert.NoFileExists(t, "/run/netns/k0slab-"+name)
	assert.NoFileExists(t, "/run/systemd/nspawn/propagate/"+name)
	groups, err := filepath.Glob("/sys/fs/cgroup/*/k0slab-machines/" + name)
	require.NoError(t, err)
	assert.Empty(t, groups)
}
