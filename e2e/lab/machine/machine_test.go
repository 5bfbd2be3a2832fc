// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPoolGivesTheLowestFreeAddress(t *testing.T) {
	pool := Pool{First: addr("10.0.0.20"), Last: addr("10.0.0.22"), Pods: netip.MustParsePrefix("10.244.0.0/16")}
	for name, c := range map[string]struct {
		taken []netip.Addr
		want  string
		err   error
	}{
		"empty":     {want: "10.0.0.20"},
		"in order":  {taken: []netip.Addr{addr("10.0.0.20")}, want: "10.0.0.21"},
		"gap":       {taken: []netip.Addr{addr("10.0.0.20"), addr("10.0.0.22")}, want: "10.0.0.21"},
		"stranger":  {taken: []netip.Addr{addr("10.0.0.99")}, want: "10.0.0.20"},
		"exhausted": {taken: []netip.Addr{addr("10.0.0.20"), addr("10.0.0.21"), addr("10.0.0.22")}, err: ErrPoolExhausted},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := pool.Free(c.taken)
			require.ErrorIs(t, err, c.err)
			if c.err == nil {
				assert.Equal(t, c.want, got.String())
			}
		})
	}
}

func TestPoolRoutesToAllPodsButTheOwn(t *testing.T) {
	pool := Pool{First: addr("10.0.0.20"), Last: addr("10.0.0.22"), Pods: netip.MustParsePrefix("10.244.0.0/16")}
	assert.Equal(t, []string{
		"route replace 10.244.20.0/24 via 10.0.0.20",
		"route replace 10.244.22.0/24 via 10.0.0.22",
	}, pool.routes(addr("10.0.0.21")))
}

func TestSpecValidation(t *testing.T) {
	data := []byte("#cloud-config\n")
	for name, c := range map[string]struct {
		spec  Spec
		valid bool
	}{
		"plain":         {Spec{Name: "demo-md-0", UserData: data}, true},
		"longest":       {Spec{Name: strings.Repeat("a", 63), UserData: data}, true},
		"too long":      {Spec{Name: strings.Repeat("a", 64), UserData: data}, false},
		"no name":       {Spec{UserData: data}, false},
		"path":          {Spec{Name: "../x", UserData: data}, false},
		"dots":          {Spec{Name: "a.b", UserData: data}, false},
		"ends in dash":  {Spec{Name: "a-", UserData: data}, false},
		"two lines":     {Spec{Name: "a\nb", UserData: data}, false},
		"no user data":  {Spec{Name: "a"}, false},
		"one character": {Spec{Name: "a", UserData: data}, true},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.spec.validate()
			if c.valid {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ErrInvalid)
		})
	}
}

func TestOwnFilesSetAMachineApart(t *testing.T) {
	r := record{Name: "demo-1", Address: addr("10.211.0.21")}
	config := Config{Nameservers: []string{"192.0.2.1", "192.0.2.2"}, Pool: DefaultPool()}
	root := t.TempDir()
	require.NoError(t, writeFiles(root, ownFiles(config, r, []byte("#cloud-config\n"))))

	for path, want := range map[string]string{
		"var/lib/cloud/seed/nocloud/meta-data": "instance-id: demo-1\nlocal-hostname: demo-1\n",
		"var/lib/cloud/seed/nocloud/user-data": "#cloud-config\n",
		"etc/hostname":                         "demo-1\n",
		"etc/hosts":                            "127.0.0.1 localhost\n10.211.0.21 demo-1\n10.211.0.1 lab\n",
		"etc/resolv.conf":                      "nameserver 192.0.2.1\nnameserver 192.0.2.2\n",
	} {
		got, err := os.ReadFile(filepath.Join(root, path))
		require.NoError(t, err)
		assert.Equal(t, want, string(got), path)
	}
	conflist, err := os.ReadFile(filepath.Join(root, "etc/cni/net.d/10-lab.conflist"))
	require.NoError(t, err)
	assert.Contains(t, string(conflist), `"subnet": "10.244.21.0/24"`)
	info, err := os.Stat(filepath.Join(root, "var/lib/cloud/seed/nocloud/user-data"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode(), "user data holds a token")
}

func TestParseHierarchies(t *testing.T) {
	for name, c := range map[string]struct {
		mountinfo string
		want      []hierarchy
		lines     string
	}{
		"version 2": {
			mountinfo: "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 none rw,nsdelegate\n",
			want:      []hierarchy{{folder: ".", kind: "cgroup2", options: "rw"}},
		},
		"version 1 beside 2": {
			mountinfo: `31 23 0:28 / /sys/fs/cgroup rw - tmpfs none rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup none rw,cpu,cpuacct
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup none rw,xattr,release_agent=/lib/agent,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 none rw
`,
			want: []hierarchy{
				{folder: "cpu,cpuacct", kind: "cgroup", options: "cpu,cpuacct"},
				{folder: "systemd", kind: "cgroup", options: "none,name=systemd"},
				{folder: "unified", kind: "cgroup2", options: "rw"},
			},
			lines: "cpu,cpuacct cgroup cpu,cpuacct\nsystemd cgroup none,name=systemd\nunified cgroup2 rw",
		},
		"elsewhere": {mountinfo: "50 23 0:40 / /mnt/cgroup rw - cgroup none rw,cpu\n"},
		"garbage":   {mountinfo: "cgroup\n\n - cgroup\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := parseHierarchies(c.mountinfo)
			assert.Empty(t, cmp.Diff(c.want, got, cmp.AllowUnexported(hierarchy{})))
			assert.Equal(t, c.lines, cgroups{hierarchies: got}.lines())
		})
	}
}

func TestProcsCoverEveryHierarchy(t *testing.T) {
	groups := cgroups{name: "k0slab-machines/a", hierarchies: []hierarchy{{folder: "."}, {folder: "cpu"}}}
	assert.Equal(t, []string{
		"/sys/fs/cgroup/k0slab-machines/a/cgroup.procs",
		"/sys/fs/cgroup/cpu/k0slab-machines/a/cgroup.procs",
	}, groups.procs())
}

func TestNspawnArguments(t *testing.T) {
	config := Config{State: "/state", Programs: []Program{{Source: "/cache/kubelet", Path: "/usr/local/bin/kubelet"}}}
	got := nspawnArguments(config, record{Name: "demo-1", Address: addr("10.211.0.21")})
	for _, want := range []string{
		"--machine=demo-1", "--boot", "--network-namespace-path=/run/netns/k0slab-demo-1",
		"--bind=/state/demo-1/k0s:/var/lib/k0s", "--bind-ro=/cache/kubelet:/usr/local/bin/kubelet",
	} {
		assert.Contains(t, got, want)
	}
	assert.NotContains(t, strings.Join(got, " "), "etcd", "a worker has none")
}

func TestAControlPlaneHasItsEtcdInMemory(t *testing.T) {
	host := NewHost(Config{State: "/nowhere", Run: t.TempDir()})
	got := nspawnArguments(
		Config{State: "/state"},
		record{Name: "demo-1", Address: addr("10.211.0.21"), ControlPlane: true},
	)
	assert.Contains(t, got, "--bind=/state/demo-1/etcd:/var/lib/k0s/etcd")
	assert.Equal(t, "/nowhere/demo-1/etcd", host.path("demo-1", etcdDir))
}

func TestDeviceNamesFitTheKernel(t *testing.T) {
	s := segment(record{Name: strings.Repeat("a", 63), Address: addr("10.211.0.99")})
	assert.Equal(t, "k0slab-m99", s.Veth)
	assert.LessOrEqual(t, len(s.Veth), 15)
}

func TestClaimKeepsNameAddressAndOwner(t *testing.T) {
	host := NewHost(Config{State: t.TempDir(), Run: t.TempDir(), Pool: DefaultPool()})
	first, err := host.claim(Spec{Name: "a", Owner: "one", ControlPlane: true})
	require.NoError(t, err)
	assert.Equal(t, "10.211.0.20", first.Address.String())
	assert.True(t, first.ControlPlane)

	second, err := host.claim(Spec{Name: "b", Owner: "one"})
	require.NoError(t, err)
	assert.Equal(t, "10.211.0.21", second.Address.String())

	again, err := host.claim(Spec{Name: "a", Owner: "one"})
	require.NoError(t, err)
	assert.Equal(t, first, again)

	_, err = host.claim(Spec{Name: "a", Owner: "two"})
	require.ErrorIs(t, err, ErrTaken)
}

func TestStateIsReadBackByAnotherHost(t *testing.T) {
	config := Config{State: t.TempDir(), Run: t.TempDir(), Pool: DefaultPool()}
	require.NoError(t, NewHost(config).remember(record{Name: "b", Owner: "me", Address: addr("10.211.0.30")}))
	require.NoError(t, NewHost(config).remember(record{Name: "a", Address: addr("10.211.0.31")}))

	host := NewHost(config)
	list, err := host.List()
	require.NoError(t, err)
	assert.Equal(t, []State{
		{Name: "a", Address: addr("10.211.0.31")},
		{Name: "b", Owner: "me", Address: addr("10.211.0.30")},
	}, list)
	state, err := host.Get("b")
	require.NoError(t, err)
	assert.Equal(t, list[1], state)
	_, err = host.Get("c")
	require.ErrorIs(t, err, ErrNotFound)
}

func TestOrdersForAMachineThatIsNotThere(t *testing.T) {
	host := NewHost(Config{State: t.TempDir(), Run: t.TempDir()})
	require.ErrorIs(t, host.Start(t.Context(), "x"), ErrNotFound)
	require.ErrorIs(t, host.Stop(t.Context(), "x"), ErrNotFound)
	require.ErrorIs(t, host.PowerCut(t.Context(), "x"), ErrNotFound)
	require.NoError(t, host.Destroy(t.Context(), "x"))
	_, err := host.Exec(t.Context(), "x", "true")
	require.ErrorContains(t, err, "does not run")
}

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }
