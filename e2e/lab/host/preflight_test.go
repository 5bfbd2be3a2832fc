// SPDX-License-Identifier: Apache-2.0

package host

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func healthy() Facts {
	return Facts{OS: "linux", UID: 0, HasApt: true}
}

func prefix(text string) netip.Prefix { return netip.MustParsePrefix(text) }

func TestCheckAcceptsWhatIsNoCollision(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*Facts){
		"AFreshHost": func(*Facts) {},
		"OtherEnginesAndClusters": func(f *Facts) {
			f.Links = map[string][]netip.Prefix{"docker0": {prefix("172.17.0.1/16")}, "cni0": {prefix("10.244.0.1/24")}}
			f.Routes = []Route{{To: prefix("10.244.0.0/16"), Device: "cni0"}}
		},
		"ADefaultRoute": func(f *Facts) { f.Routes = []Route{{To: prefix("0.0.0.0/0"), Device: "eth0"}} },
		"OurOwnBridge": func(f *Facts) {
			f.Links = map[string][]netip.Prefix{"k0slab0": {prefix("10.211.0.1/24")}}
			f.Routes = []Route{{To: prefix("10.211.0.0/24"), Device: "k0slab0"}}
		},
		"OurBridgeWithoutItsAddressYet": func(f *Facts) { f.Links = map[string][]netip.Prefix{"k0slab0": nil} },
		"OurState":                      func(f *Facts) { f.StateEntries = []string{".k0smotron-lab", "etcd"} },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			facts := healthy()
			change(&facts)
			assert.NoError(t, Check(facts))
		})
	}
}

func TestCheckNamesWhatStandsInTheWay(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*Facts)
		names  []string
	}{
		"NotLinux": {func(f *Facts) { f.OS = "darwin" }, []string{"Linux", "darwin"}},
		"NotRoot":  {func(f *Facts) { f.UID = 1000 }, []string{"root", "1000"}},
		"NoApt":    {func(f *Facts) { f.HasApt = false }, []string{"apt-get"}},
		"ForeignBridge": {
			func(f *Facts) { f.Links = map[string][]netip.Prefix{"k0slab0": {prefix("192.168.7.1/24")}} },
			[]string{"k0slab0", "192.168.7.1/24"},
		},
		"SubnetRoutedElsewhere": {
			func(f *Facts) { f.Routes = []Route{{To: prefix("10.211.0.0/16"), Device: "wg0"}} },
			[]string{"10.211.0.0/24", "10.211.0.0/16", "wg0"},
		},
		"ForeignState": {
			func(f *Facts) { f.StateEntries = []string{"a", "b", "c", "d"} },
			[]string{"state directory", "a, b, c, ..."},
		},
		"SeveralAtOnce": {
			func(f *Facts) { f.UID, f.HasApt = 1, false }, []string{"root", "apt-get"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			facts := healthy()
			test.change(&facts)
			err := Check(facts)
			require.Error(t, err)
			for _, name := range test.names {
				assert.ErrorContains(t, err, name)
			}
		})
	}
}

func TestParseRoutes(t *testing.T) {
	t.Parallel()
	table := "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n" +
		"eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" +
		"k0slab0\t0000D30A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n" +
		"broken line\n"
	assert.Equal(t, []Route{
		{To: prefix("0.0.0.0/0"), Device: "eth0"},
		{To: prefix("10.211.0.0/24"), Device: "k0slab0"},
	}, parseRoutes(table))
}

func TestNotInstalled(t *testing.T) {
	t.Parallel()
	listing := "runc installed\nconntrack config-files\n"
	assert.Equal(t, []string{"conntrack", "iptables"}, notInstalled([]string{"runc", "conntrack", "iptables"}, listing))
	assert.Empty(t, notInstalled([]string{"runc"}, listing))
}

func TestParseMounts(t *testing.T) {
	t.Parallel()
	table := `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:4 mnt:[4026532445] /run/lab/namespace rw - nsfs none rw
31 30 0:5 / /run/lab/with\040blank rw - tmpfs none rw
32 22 0:6 / /run/laboratory rw - tmpfs none rw
short
`
	assert.Equal(t, []string{"/run/lab/namespace", "/run/lab/with blank"}, parseMounts(table, "/run/lab"))
	assert.Equal(t, []string{"/run/lab/namespace"}, parseMounts(table, "/run/lab/namespace"))
}

func TestSubtreeListsParentsFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, mkdirs(dir, "a/b", "c"))
	assert.Equal(t, []string{dir, dir + "/a", dir + "/a/b", dir + "/c"}, subtree(dir))
	assert.Empty(t, subtree(dir+"/none"))
}
