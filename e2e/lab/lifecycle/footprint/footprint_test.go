// SPDX-License-Identifier: Apache-2.0

package footprint

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/process"
)

func paths() layout.Paths {
	return layout.Paths{State: "/var/lib/lab", Run: "/run/lab", Cache: "/root/.cache/lab", Repo: "/repo"}
}

func TestOfNamesWhatIsTheLabs(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		machine Machine
		want    []string
	}{
		"Marked": {
			Machine{Processes: []Process{{PID: "7", Args: []string{"etcd", "--x"}, Marks: []string{"K0SMOTRON_LAB=/run/lab"}}}},
			[]string{"process 7 (etcd --x): the lab started it (K0SMOTRON_LAB=/run/lab)"},
		},
		"MarkedByTheAgent": {
			Machine{Processes: []Process{{PID: "7", Marks: []string{"K0SMOTRON_LAB=/run/lab/machines"}}}},
			[]string{"process 7 (): the lab started it (K0SMOTRON_LAB=/run/lab/machines)"},
		},
		"Cgroup": {
			Machine{Processes: []Process{{PID: "7", Args: []string{"pause"}, Cgroups: []string{"/", "/k0slab-mgmt/pod1"}}}},
			[]string{"process 7 (pause): it is in cgroup /k0slab-mgmt/pod1"},
		},
		"Program": {
			Machine{Processes: []Process{{PID: "7", Uses: []Use{{"program", "/var/lib/lab/containerd/x"}}}}},
			[]string{"process 7 (): its program is /var/lib/lab/containerd/x"},
		},
		"OutputToARemovedFile": {
			Machine{Processes: []Process{{PID: "7", Uses: []Use{{"output", "/var/lib/lab/logs/agent.log (deleted)"}}}}},
			[]string{"process 7 (): its output is /var/lib/lab/logs/agent.log (deleted)"},
		},
		"InARemovedDirectory": {
			Machine{Processes: []Process{{PID: "7", Uses: []Use{{"working directory", "/run/lab (deleted)"}}}}},
			[]string{"process 7 (): its working directory is /run/lab (deleted)"},
		},
		"MachineWithoutARecord": {
			Machine{
				Processes: []Process{{PID: "7", Args: []string{"systemd-nspawn", "--network-namespace-path=/run/netns/k0slab-a"}}},
			},
			[]string{"process 7 (systemd-nspawn --network-namespace-path=/run/netns/k0slab-a): it runs with " +
				"--network-namespace-path=/run/netns/k0slab-a"},
		},
		"Mounts": {
			Machine{Mounts: []Mount{
				{Target: "/var/lib/lab/kubelet/pods/1", Type: "tmpfs"},
				{Target: "/root/.cache/lab/rootfs/proc", Type: "proc"},
				{Target: "/", Type: "overlay", Options: "rw,lowerdir=/root/.cache/lab/rootfs,upperdir=/x", In: "process 8 (init)"},
				{Target: "/var/lib/kubelet", Type: "ext4", Root: "/run/lab/places/var-lib-kubelet"},
			}},
			[]string{
				"mount /var/lib/lab/kubelet/pods/1 tmpfs", "mount /root/.cache/lab/rootfs/proc proc",
				"mount / overlay, seen by process 8 (init)", "mount /var/lib/kubelet ext4",
			},
		},
		"Network": {
			Machine{
				Links: []string{"k0slab0", "k0slab-m20"}, Namespaces: []string{"k0slab-mgmt"},
				Addresses: []string{"10.211.0.1/24 on k0slab0"}, Routes: []string{"10.211.0.0/24 on dummy0"},
				Rules: []string{"filter -A INPUT -i k0slab0 -j ACCEPT", "nat -A POSTROUTING -s 10.211.0.0/24 -j MASQUERADE"},
			},
			[]string{
				"network device k0slab0", "network device k0slab-m20", "network namespace k0slab-mgmt",
				"address 10.211.0.1/24 on k0slab0", "route 10.211.0.0/24 on dummy0",
				"packet filter rule filter -A INPUT -i k0slab0 -j ACCEPT",
				"packet filter rule nat -A POSTROUTING -s 10.211.0.0/24 -j MASQUERADE",
			},
		},
		"Cgroups": {
			Machine{Cgroups: []string{"k0slab-mgmt", "k0slab-machines"}},
			[]string{"cgroup k0slab-mgmt", "cgroup k0slab-machines"},
		},
		"Directories": {
			Machine{Files: []string{"/var/lib/lab", "/run/lab"}},
			[]string{"directory /var/lib/lab", "directory /run/lab"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, Of(paths(), test.machine))
		})
	}
}

func TestOfLeavesTheRestAlone(t *testing.T) {
	t.Parallel()
	assert.Empty(t, Of(paths(), Machine{
		Processes: []Process{
			{PID: "1", Args: []string{"tail", "-f", "/var/lib/lab/logs/etcd.log"}, Cgroups: []string{"/", "/user.slice"}},
			{PID: "2", Marks: []string{"K0SMOTRON_LAB=/run/lab-of-another"}},
			{PID: "3", Uses: []Use{{"program", "/root/.cache/lab/bin/etcd"}, {"working directory", "/var/lib/labor"}}},
			{PID: "4", Uses: []Use{{"working directory", "/var/lib/lab"}}, Kin: true},
			{PID: "5", Args: []string{"nsenter", "--net=/run/netns/another"}},
		},
		Mounts: []Mount{
			{Target: "/", Type: "ext4", Root: "/", Options: "rw"},
			{Target: "/root/.cache/lab", Type: "ext4", Root: "/volume"},
			{Target: "/var/lib/lab", Type: "tmpfs"},
		},
		Files: []string{"/var/lib/lab", "/var/lib/labor"},
		Links: []string{"lo", "eth0"}, Namespaces: []string{"another"}, Cgroups: []string{"system.slice"},
		Addresses: []string{"10.0.0.2/8 on eth0"}, Routes: []string{"0.0.0.0/0 on eth0", "10.21.0.0/24 on eth0"},
		Rules: []string{"filter -A INPUT -s 110.211.0.0/24 -j DROP"}, Settings: []string{"net/ipv4/ip_forward = 1"},
	}))
}

func TestSnapshotAndCompare(t *testing.T) {
	t.Parallel()
	before := Machine{
		Mounts: []Mount{{Target: "/", Type: "ext4"}, {Target: "/", Type: "overlay", In: "process 8 (init)"}},
		Links:  []string{"lo"}, Settings: []string{"net/ipv4/ip_forward = 0"}, Files: []string{"/run/a", "/opt/b"},
		Rules: []string{"nat :MINE"}, Cgroups: []string{"system.slice"},
	}
	assert.Equal(t, []string{
		"cgroup system.slice", "device lo", "file /opt/b", "file /run/a", "mount / ext4", "rule nat :MINE",
		"setting net/ipv4/ip_forward = 0",
	}, Snapshot(before))
	assert.Empty(t, Compare(Snapshot(before), Snapshot(before)))

	after := Machine{
		Mounts: []Mount{{Target: "/", Type: "ext4"}, {Target: "/mnt", Type: "tmpfs"}, {Target: "/run/user/0", Type: "tmpfs"}},
		Links:  []string{"lo", "cni0"}, Settings: []string{"net/ipv4/ip_forward = 1"},
		Files: []string{
			"/opt/b", "/opt/cni", "/run/xtables.lock", "/run/systemd", "/etc/systemd/system/multi-user.target.wants",
			"/etc/systemd/system/lab.service",
		},
		Cgroups: []string{"system.slice", "machine.slice", "kubepods"},
	}
	assert.ElementsMatch(t, []string{
		"new: mount /mnt tmpfs", "new: device cni0", "new: file /opt/cni", "new: file /etc/systemd/system/lab.service",
		"new: setting net/ipv4/ip_forward = 1", "gone: setting net/ipv4/ip_forward = 0", "gone: rule nat :MINE",
		"new: cgroup kubepods",
	}, Compare(Snapshot(before), Snapshot(after)))
}

func TestUnpackagedDropsWhatPackagesBring(t *testing.T) {
	if _, err := exec.LookPath("dpkg-query"); err != nil {
		t.Skip("this machine has no Debian packages")
	}
	t.Parallel()
	left, err := Unpackaged(t.Context(), []string{
		"new: file /usr/bin", "new: file /opt/by-hand", "new: device cni0", "gone: file /usr/bin",
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"new: file /opt/by-hand", "new: device cni0", "gone: file /usr/bin"}, left)
}

func TestParse(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []Mount{{Target: "/a b", Type: "overlay", Root: "/r", Options: "rw,lowerdir=/l", In: "x"}},
		parseMounts("1 0 8:1 /r /a\\040b rw,nosuid shared:1 - overlay none rw,lowerdir=/l\nnonsense\n", "x"))
	assert.Equal(t, stat{"S", "12"}, parseStat("7 (a) b (c) S 12 7 7 0"))
	assert.Equal(t, stat{}, parseStat("7"))
	assert.Equal(t, []string{"/", "/k0slab-mgmt/a:b"}, parseCgroups("1:cpu:/\n0::/k0slab-mgmt/a:b\nnonsense\n"))
	assert.Equal(t, []string{"filter :MINE", "filter -A INPUT -j MINE"}, parseRules(
		"# by hand\n*filter\n:INPUT ACCEPT [0:0]\n:MINE - [0:0]\n-A INPUT -j MINE\nCOMMIT\n*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n",
	))
	assert.Equal(t, []string{"K0SMOTRON_LAB=/run/lab", "K0SMOTRON_CHECKS=1"},
		marks([]byte("A=b\x00K0SMOTRON_LAB=/run/lab\x00K0SMOTRON_CHECKS=1\x00K0SMOTRON_CHECKSUM=2\x00")))
	assert.Equal(
		t,
		[]string{"3", "2", "1"},
		ancestors("3", map[string]stat{"3": {parent: "2"}, "2": {parent: "1"}, "1": {parent: "0"}}),
	)
	assert.Equal(
		t,
		[]string{"3"},
		ancestors("3", map[string]stat{"3": {parent: "3"}}),
		"a reused id makes no endless line",
	)
}

func TestAProcessSaysWhatItIsInOneLine(t *testing.T) {
	t.Parallel()
	long := Process{PID: "7", Args: []string{"k0s", strings.Repeat("ä", 200)}}.String()
	assert.Equal(t, "process 7 (k0s "+strings.Repeat("ä", 96)+"…)", long)
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, sub := range []string{"a/b/c", "state"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, sub), 0o755))
	}
	found, err := files(layout.Paths{State: filepath.Join(dir, "state"), Run: filepath.Join(dir, "run")},
		[]place{{filepath.Join(dir, "a"), 1}, {filepath.Join(dir, "nowhere"), 3}})
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Join(dir, "a"), filepath.Join(dir, "a/b"), filepath.Join(dir, "state")}, found)
}

// What is read from this machine is judged as the tables above are.
func TestGatherSeesAProcessOfALab(t *testing.T) {
	dir := t.TempDir()
	p := layout.Paths{
		State: filepath.Join(dir, "state"),
		Run:   filepath.Join(dir, "run"),
		Cache: filepath.Join(dir, "cache"),
	}
	require.NoError(t, os.MkdirAll(p.State, 0o755))
	program := exec.CommandContext(t.Context(), "sleep", "62.5")
	program.Dir, program.Env = p.State, append(os.Environ(), process.Mark(p.Run), Variable+"=mine")
	require.NoError(t, program.Start())
	t.Cleanup(func() {
		_ = program.Process.Kill()
		_ = program.Wait()
	})
	var machine Machine
	require.Eventually(t, func() bool {
		var err error
		machine, err = Gather(t.Context(), p)
		require.NoError(t, err)
		return len(Started(machine, Variable+"=mine")) == 1
	}, 5*time.Second, 50*time.Millisecond)
	left := Of(p, machine)
	require.Len(
		t,
		keep(left, func(line string) bool { return strings.Contains(line, "(sleep 62.5): the lab started it") }),
		1,
	)
	assert.Contains(t, left, "directory "+p.State)

	for _, line := range []string{"mount /proc proc", "device lo"} {
		assert.Contains(t, Snapshot(machine), line)
	}
	assert.Empty(t, Started(machine, Variable+"=another's"))
}
