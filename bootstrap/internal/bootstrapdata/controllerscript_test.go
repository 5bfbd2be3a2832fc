// SPDX-License-Identifier: Apache-2.0

package bootstrapdata_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/bootstrap/internal/bootstrapdata"
)

// TestScriptMakesAController runs the script for real, in every shell there is.
func TestScriptMakesAController(t *testing.T) {
	t.Parallel()
	for _, shell := range shells() {
		for cluster, c := range map[string]bootstrapdata.Controller{
			"created": firstController(), "joined": joiningController(),
		} {
			t.Run(shell+"-"+cluster, func(t *testing.T) {
				t.Parallel()
				m := newController(t, shell, c)
				require.NoError(t, m.boot(t), m.log(t))
				m.assertIsController(t)
				assert.Equal(t, []string{cluster}, m.clusters(t))
				assert.Equal(t, []string{"pre 1", "k0s installed", "k0s started", "post 1"}, m.events(t))
				assert.NoFileExists(t, m.path("/etc/k0s/join-token"), "the token is not needed any more")
			})
		}
	}
}

// TestScriptKeepsTheTokenOfOldReleases holds because they read it at every start.
func TestScriptKeepsTheTokenOfOldReleases(t *testing.T) {
	t.Parallel()
	c := withVersion(t, joiningController(), "v1.31.4")
	c.Spec.PreInstalledK0s = new(true)
	m := newController(t, "sh", c)
	m.put(t, "/usr/local/bin/k0s", fakeK0s, 0o700)
	require.NoError(t, m.boot(t), m.log(t))
	assert.FileExists(t, m.path("/etc/k0s/join-token"))
	assert.NoFileExists(t, m.path("/var/lib/k0s/pki/ca.key"), "with it the release would not join")
}

// TestScriptAsksK0sWhetherItIsUp holds because etcd has data long before kube-apiserver answers.
func TestScriptAsksK0sWhetherItIsUp(t *testing.T) {
	t.Parallel()
	m := newController(t, "sh", firstController())
	m.write(t, "joined", `mkdir -p "$ROOT/var/lib/k0s/etcd/member/snap" && echo data >"$ROOT`+etcdData+`"`)
	m.write(t, "patience", "5")
	require.Error(t, m.boot(t))
	assert.NoFileExists(t, m.path(sentinel))
	assert.NotContains(t, m.events(t), "post 1")

	m.write(t, "joined", joinedController)
	m.write(t, "patience", "1000")
	require.NoError(t, m.boot(t), m.log(t))
	m.assertIsController(t)
}

// TestScriptWantsItsCertificates holds because k0s would make a CA of its own, and nobody would know it.
func TestScriptWantsItsCertificates(t *testing.T) {
	t.Parallel()
	c := firstController()
	c.Spec.PreK0sCommands = []string{"rm -r \"$ROOT/var/lib/k0s\""}
	m := newController(t, "sh", c)
	require.Error(t, m.boot(t))
	assert.Contains(t, m.log(t), "/var/lib/k0s/pki is gone: mount disks at directories below it, not above")
	assert.NotContains(t, m.events(t), "k0s installed")
}

// TestControllerNeverStartsWithoutItsData holds for every later boot: the disk may be lost, the machine and its user data
// are not.
func TestControllerNeverStartsWithoutItsData(t *testing.T) {
	t.Parallel()
	for cluster, c := range map[string]bootstrapdata.Controller{
		"created": firstController(), "joined": joiningController(),
	} {
		m := newController(t, "sh", c)
		require.NoError(t, m.boot(t), m.log(t))
		require.NoError(t, m.reboot(t), m.log(t))
		assert.True(t, m.runsK0s(), "with its data it starts at every boot")

		require.NoError(t, os.RemoveAll(m.path("/var/lib/k0s/etcd")))
		require.NoError(t, m.reboot(t), "it stays what it was made")
		assert.False(t, m.runsK0s())
		assert.Equal(t, []string{cluster}, m.clusters(t))
	}
}

// TestScriptOfAControllerSurvivesPowerCutsAnywhere cuts the power before and after every command the script runs, one at
// a time, and boots again. The machine ends like one that was never disturbed, unless k0s had been started and had no
// data yet: then it is never started again. With the disk lost as well, the machine never does a second time what it has
// done once.
func TestScriptOfAControllerSurvivesPowerCutsAnywhere(t *testing.T) {
	t.Parallel()
	for cluster, c := range map[string]bootstrapdata.Controller{
		"created": firstController(), "joined": joiningController(),
	} {
		undisturbed := newController(t, "sh", c)
		require.NoError(t, undisturbed.boot(t), undisturbed.log(t))
		for k, program := range undisturbed.calls(t) {
			for _, cut := range cuts(cluster) {
				t.Run(fmt.Sprintf("%s-%s-%02d-%s-%s", cluster, cut.moment, k+1, program, cut.then), func(t *testing.T) {
					t.Parallel()
					m := newController(t, "sh", c)
					m.cutAt, m.cutWhen = k+1, cut.moment
					require.Error(t, m.boot(t), "the power cut did not happen")
					m.afterTheCut(t, cut.then)
					assert.LessOrEqual(t, len(m.clusters(t)), 1, "once in the life of a machine")
					if m.exists(marker) && cut.then != withoutData {
						assert.Equal(t, []string{cluster}, m.clusters(t))
						assert.Equal(t, unique(undisturbed.events(t)), unique(m.events(t)), "every step happened")
						assert.Equal(t, undisturbed.files(t), m.files(t))
					}
				})
			}
		}
	}
}

// What may happen after a power cut, or what was taken for one.
const (
	boots       = "boots"
	withoutData = "boots-without-data"
	goesOn      = "goes-on"
)

// cuts are the moments of a power cut at a command, and what happens then. The roles differ in what k0s does, not in what
// the script does, so one of them is tried in every way.
func cuts(cluster string) []struct{ moment, then string } {
	if cluster == "joined" {
		return []struct{ moment, then string }{{"after", withoutData}}
	}
	return []struct{ moment, then string }{
		{"before", boots}, {"after", boots}, {"after", withoutData}, {"before", goesOn},
	}
}

// afterTheCut lets the machine boot again, with or without its data; or only the script is started again.
func (m *machine) afterTheCut(t *testing.T, then string) {
	t.Helper()
	switch then {
	case goesOn:
		m.cutAt = 0
		m.write(t, "join-after", "3\n")
		require.NoError(t, m.boot(t), m.log(t))
		m.assertIsController(t)
		return
	case withoutData:
		require.NoError(t, os.RemoveAll(m.path("/var/lib/k0s/etcd")))
	}
	started := m.exists("/var/lib/k0smotron/bootstrap/first-start")
	hadData := m.exists(etcdData)
	hadJoined := m.exists("/var/lib/k0smotron/bootstrap/join")
	err := m.reboot(t)
	if !started || hadData || hadJoined {
		require.NoError(t, err, m.log(t))
		assert.Equal(t, !started || hadData, m.runsK0s())
		return
	}
	require.Error(t, err, "k0s may have begun to create or join a cluster")
	assert.False(t, m.runsK0s())
	assert.Contains(t, m.log(t), "this one is not resumed")
	assert.NoFileExists(t, m.path(sentinel))
}
