// SPDX-License-Identifier: Apache-2.0

package bootstrapdata_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/bootstrapdata"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
	"github.com/k0smotron/k0smotron/shared/pki"
)

const (
	etcdData       = "/var/lib/k0s/etcd/member/snap/db"
	controllerUnit = "/etc/systemd/system/k0scontroller.service"
	dropIn         = controllerUnit + ".d/k0smotron.conf"
)

// assertions are what systemd checks before it starts a unit: one of the marked paths has to exist, if there are any.
const assertions = `met=unknown
if [ -e "$ROOT` + dropIn + `" ]; then
  met=no
  while read -r line; do
    case $line in
    "AssertPathExists=|"*) [ ! -e "$ROOT${line#*|}" ] || met=yes ;;
    esac
  done <"$ROOT` + dropIn + `"
fi
[ "$met" != no ] || return 1`

// joinedController lets k0s without data create a cluster or join one, and remembers which; k0s with data comes up.
const joinedController = `if [ ! -e "$ROOT` + etcdData + `" ]; then
  mkdir -p "$ROOT/var/lib/k0s/etcd/member/snap" && echo data >"$ROOT` + etcdData + `"
  if [ -e "$ROOT/etc/k0s/join-token" ]; then echo joined; else echo created; fi >>"$ROOT/clusters"
fi
: >"$ROOT/run/k0s-is-up"`

func newController(t *testing.T, shell string, c bootstrapdata.Controller) *machine {
	t.Helper()
	m := emptyMachine(t, shell)
	data, err := bootstrapdata.BuildController(c)
	require.NoError(t, err)
	m.writeFiles(t, data)
	m.write(t, "joined", joinedController)
	m.write(t, "clusters", "")
	// k0s needs a while: there is a time in which it runs and has no data.
	m.write(t, "join-after", "3\n")
	return m
}

// reboot is what happens when power comes back: systemd starts the units that are enabled, and so does it try k0s.
func (m *machine) reboot(t *testing.T) error {
	t.Helper()
	m.cutAt = 0
	m.powerCut(t)
	m.write(t, "join-after", "3\n")
	m.autostart(t)
	return m.boot(t)
}

// autostart starts k0s at a boot if it was installed.
func (m *machine) autostart(t *testing.T) {
	t.Helper()
	if m.exists(controllerUnit) {
		_ = m.run(t, m.path("/fake-bin/systemctl"), "start", "k0scontroller.service")
	}
}

// clusters are what k0s did on the machine: "created" a cluster or "joined" one.
func (m *machine) clusters(t *testing.T) []string {
	t.Helper()
	return strings.Fields(m.read(t, "clusters"))
}

func (m *machine) runsK0s() bool { return m.exists("/run/k0s-runs") }

func (m *machine) assertIsController(t *testing.T) {
	t.Helper()
	assert.FileExists(t, m.path(marker))
	assert.FileExists(t, m.path(sentinel))
	assert.FileExists(t, m.path(etcdData))
	assert.True(t, m.exists("/run/k0s-is-up"), "success was reported before k0s had come up")
	for directory, mode := range map[string]fs.FileMode{"/var/lib/k0s/pki": 0o751, "/var/lib/k0s/pki/etcd": 0o711} {
		info, err := os.Stat(m.path(directory))
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), directory)
	}
	info, err := os.Stat(m.path("/var/lib/k0s/pki/ca.key"))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
}

func firstController(args ...bootstrapv1.ControllerArg) bootstrapdata.Controller {
	version, err := k0sversion.Parse("v1.36.3")
	if err != nil {
		panic(err)
	}
	pairs := map[pki.Purpose]pki.Pair{}
	for _, purpose := range pki.Purposes() {
		pairs[purpose] = pki.Pair{Cert: []byte(string(purpose) + " cert\n"), Key: []byte(string(purpose) + " key\n")}
	}
	return bootstrapdata.Controller{
		MachineName: "tiger-x7k2p",
		Version:     version,
		Pairs:       pairs,
		Spec: bootstrapv1.K0sControllerConfigSpec{
			Role: bootstrapv1.ControllerRoleFirst,
			K0sConfigSpec: bootstrapv1.K0sConfigSpec{
				Args: args,
				InstallSpec: bootstrapv1.InstallSpec{
					PreK0sCommands:  []string{"echo pre 1 >>\"$EVENTS\""},
					PostK0sCommands: []string{"echo post 1 >>\"$EVENTS\""},
				},
			},
		},
	}
}

func joiningController(args ...bootstrapv1.ControllerArg) bootstrapdata.Controller {
	c := firstController(args...)
	c.Spec.Role = bootstrapv1.ControllerRoleJoining
	c.JoinToken = "token"
	return c
}

func withVersion(t *testing.T, c bootstrapdata.Controller, text string) bootstrapdata.Controller {
	t.Helper()
	version, err := k0sversion.Parse(text)
	require.NoError(t, err)
	c.Version = version
	return c
}
