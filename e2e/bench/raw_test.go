// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/lifecycle/footprint"
	"github.com/k0smotron/k0smotron/e2e/lab/machine"
	"github.com/k0smotron/k0smotron/e2e/lab/process"
)

func TestSegmentsAreTheirOwn(t *testing.T) {
	t.Parallel()
	pool := machine.DefaultPool()
	for number := range 90 {
		s := segment(number)
		address := netip.MustParseAddr(s.Address)
		assert.True(t, netip.MustParsePrefix(layout.Subnet).Contains(address))
		assert.Positive(t, address.Compare(pool.Last), "no machine's")
		assert.Negative(t, address.Compare(netip.MustParseAddr(layout.LoadBalancerFirst)), "no load balancer's")
		assert.NotEqual(t, segment(number+1).Address, s.Address)
		assert.LessOrEqual(t, len(s.Veth), 15)
		assert.Equal(t, []string{s.Netns, s.Veth}, footprint.Own([]string{s.Netns, s.Veth}), "lab down finds it")
	}
}

// A run has ended when it was killed, with all that it started, and has left nothing on the host.
func TestIsolated(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("namespaces need root")
	}
	t.Setenv("TMPDIR", "/var/tmp") // /tmp is another one for the program
	dir := t.TempDir()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	before := time.Now()
	// It forks last: when all three are there, it has tried all that it can write.
	const script = `touch /tmp/x /run/y; touch /z 2>/dev/null || echo $$ read-only; setsid sleep 64.25 & sleep 64.5 & wait`
	cmd := isolated(t.Context(), "", dir, []string{"sh", "-c", script})
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &out, &out, append(os.Environ(), process.Mark(dir))
	require.NoError(t, cmd.Start())
	find := func() []string {
		pids, err := process.Marked(dir)
		require.NoError(t, err)
		return pids
	}
	ready := assert.Eventually(t, func() bool { return len(find()) == 3 }, 5*time.Second, 10*time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // it says that it was killed
	require.True(t, ready, out.String())
	assert.Empty(t, find(), "nobody outlives the first process")
	assert.Equal(t, "1 read-only\n", out.String())
	assert.FileExists(t, filepath.Join(dir, "tmp", "x"))
	assert.NoFileExists(t, "/run/y")
	begun, err := readTime(filepath.Join(dir, "started"))
	require.NoError(t, err)
	assert.WithinRange(t, begun, before, time.Now())
	after, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	assert.Equal(t, string(mounts), string(after))
}

func TestReadTimeWantsATime(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "started")
	_, err := readTime(file)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(file, []byte("soon\n"), 0o600))
	_, err = readTime(file)
	require.ErrorContains(t, err, "soon")
}

func TestTail(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "log")
	assert.Contains(t, tail(file), "no such file")
	var lines []string
	for i := range 30 {
		lines = append(lines, fmt.Sprintf("line %d", i))
	}
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	assert.Equal(t, strings.Join(lines[10:], "\n"), tail(file))
	require.NoError(t, os.WriteFile(file, []byte("one\n"), 0o600))
	assert.Equal(t, "one", tail(file))
}

func TestProgramPathHasEtcdAndComponents(t *testing.T) {
	t.Parallel()
	path := programPath(layout.Paths{Cache: "/cache"})
	for _, dir := range []string{"etcd-" + layout.EtcdVersion, "kubernetes-" + layout.KubernetesVersion + "+k0s", "konnectivity-v0.36.0"} {
		assert.Equal(t, 1, strings.Count(path, "/cache/bin/"+dir), dir)
	}
	assert.True(t, strings.HasSuffix(path, ":"+os.Getenv("PATH")))
}
