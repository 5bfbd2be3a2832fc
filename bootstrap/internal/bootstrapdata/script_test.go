// SPDX-License-Identifier: Apache-2.0

package bootstrapdata_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
)

// TestScriptIsClean lets shellcheck judge the script.
func TestScriptIsClean(t *testing.T) {
	t.Parallel()
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("shellcheck is not installed, but CI needs it: apt-get install shellcheck")
		}
		t.Skip("NOT CHECKED: shellcheck is not installed (apt-get install shellcheck)")
	}
	out, err := exec.CommandContext(t.Context(), shellcheck, "--shell=sh", "--enable=all",
		"--exclude=SC2250,SC2310,SC2311,SC2312", "machine/bootstrap.sh").CombinedOutput()
	assert.NoError(t, err, string(out))
}

// TestScriptMakesANode runs the script for real, in every shell there is.
func TestScriptMakesANode(t *testing.T) {
	t.Parallel()
	for _, shell := range shells() {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, shell, fullWorker())
			require.NoError(t, m.boot(t), m.log(t))

			m.assertJoined(t)
			assert.Equal(t, []string{
				"pre 1", "pre 2", "k0s installed", "k0s started", "post 1",
			}, m.events(t))
		})
	}
}

// TestScriptPassesArgumentsUntouched holds because no shell may interpret what users write.
func TestScriptPassesArgumentsUntouched(t *testing.T) {
	t.Parallel()
	w := fullWorker()
	w.Spec.Args = []bootstrapv1.WorkerArg{
		"--kubelet-extra-args=--node-ip=10.0.0.1 --v=2",
		`--env=A=$(id) ` + "`id`" + ` "x" 'y' \ * ~ ; & |`,
		"--env=B=  two  ",
	}
	for _, shell := range shells() {
		m := newMachine(t, shell, w)
		require.NoError(t, m.boot(t), m.log(t))
		assert.Equal(t, strings.Join([]string{
			"install", "worker", "--force", "--token-file=/etc/k0s/join-token",
			"--labels=k0smotron.io/machine-name=workers-x7k2p", "--taints=node.cluster.x-k8s.io/uninitialized:NoSchedule",
			string(w.Spec.Args[0]), string(w.Spec.Args[1]), string(w.Spec.Args[2]), "",
		}, "\n"), m.read(t, "k0s-arguments-seen"), shell)
	}
}

func TestScriptOnlyReportsOnLaterBoots(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "sh", fullWorker())
	require.NoError(t, m.boot(t), m.log(t))
	m.powerCut(t)
	assert.NoFileExists(t, m.path(sentinel), "a new boot begins with an empty /run")
	before := m.events(t)

	require.NoError(t, m.boot(t), m.log(t))
	assert.FileExists(t, m.path(sentinel))
	assert.Equal(t, before, m.events(t), "nothing may be done twice")
}

func TestScriptRetriesDownloads(t *testing.T) {
	t.Parallel()
	for _, shell := range shells() {
		m := newMachine(t, shell, fullWorker())
		m.write(t, "failures", "2")
		require.NoError(t, m.boot(t), m.log(t))
		m.assertJoined(t)
		assert.Equal(t, 2, strings.Count(m.log(t), "the download failed"), shell)
		assert.Equal(t, "5\n10", strings.TrimSpace(m.read(t, "sleeps")), "the delay must grow")
	}
}

func TestScriptRefusesAWrongChecksum(t *testing.T) {
	t.Parallel()
	for name, setUp := range map[string]func(*testing.T, *machine){
		"FromTheConfig": func(t *testing.T, m *machine) {
			t.Helper()
			m.served["/k0s-v1.36.3%2Bk0s.0-"+m.arch] = "#!/bin/sh\necho evil\n"
		},
		"Published": func(t *testing.T, m *machine) {
			t.Helper()
			m.install(t, officialWorker())
			m.served[officialBinary(m.arch)] = "#!/bin/sh\necho evil\n"
		},
		"PublishedForOthersOnly": func(t *testing.T, m *machine) {
			t.Helper()
			m.install(t, officialWorker())
			m.served[officialSums] = strings.Repeat("0", 64) + " *k0s-v1.36.3+k0s.0-riscv64\n"
		},
		"ListedForOthersOnly": func(t *testing.T, m *machine) {
			t.Helper()
			w := fullWorker()
			w.Spec.DownloadOptions.Checksums = []bootstrapv1.Checksum{{Arch: "riscv64", SHA256: strings.Repeat("0", 64)}}
			m.install(t, w)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, "sh", fullWorker())
			setUp(t, m)
			m.write(t, "patience", "3") // the script would try for ever: the third sleep ends it
			require.Error(t, m.boot(t))

			assert.NoFileExists(t, m.path("/usr/local/bin/k0s"))
			assert.NoFileExists(t, m.path(marker))
			assert.NoFileExists(t, m.path(sentinel))
			assert.Contains(t, m.log(t), "checksum")
			assert.NotContains(t, m.events(t), "k0s installed")
		})
	}
}

func TestScriptChecksTheOfficialRelease(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"curl", "wget"} {
		m := newMachine(t, "sh", officialWorker())
		m.onlyTool = tool
		require.NoError(t, m.boot(t), m.log(t))
		m.assertJoined(t)
	}
}

func TestScriptStopsAtAFailingCommand(t *testing.T) {
	t.Parallel()
	w := fullWorker()
	w.Spec.PreK0sCommands = []string{
		"echo first; echo pre 1 >>\"$EVENTS\"",
		"test -e \"$ROOT/fixed\"",
		"echo pre 3 >>\"$EVENTS\"",
	}
	for _, shell := range shells() {
		m := newMachine(t, shell, w)
		require.Error(t, m.boot(t), "%s: set -e must reach into the steps", shell)
		assert.Equal(t, []string{"pre 1"}, m.events(t))
		assert.NoFileExists(t, m.path(sentinel))

		m.write(t, "fixed", "")
		require.NoError(t, m.boot(t), m.log(t))
		assert.Equal(t, []string{"pre 1", "pre 3", "k0s installed", "k0s started", "post 1"}, m.events(t),
			"a command that succeeded must not run again")
	}
}

// TestScriptLetsCommandsCallK0s holds wherever k0s is installed.
func TestScriptLetsCommandsCallK0s(t *testing.T) {
	t.Parallel()
	w := fullWorker()
	w.Spec.K0sInstallDir = "/opt/k0s/bin"
	w.Spec.PostK0sCommands = []string{"command -v k0s >>\"$EVENTS\""}
	m := newMachine(t, "sh", w)
	require.NoError(t, m.boot(t), m.log(t))
	assert.Contains(t, m.events(t), m.path("/opt/k0s/bin/k0s"))
}

func TestScriptStopsWhenK0sCannotBeInstalled(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "sh", fullWorker())
	m.write(t, "refuse-install", "")
	require.Error(t, m.boot(t))
	assert.NotContains(t, m.events(t), "k0s started")
	assert.NoFileExists(t, m.path(sentinel))
}

func TestScriptNeedsThePreInstalledBinary(t *testing.T) {
	t.Parallel()
	w := fullWorker()
	w.Spec.DownloadURL, w.Spec.DownloadOptions = "", bootstrapv1.DownloadOptions{}
	w.Spec.PreInstalledK0s = new(true)
	m := newMachine(t, "sh", w)
	require.Error(t, m.boot(t))
	assert.Contains(t, m.log(t), "/usr/local/bin/k0s does not exist")

	m.put(t, "/usr/local/bin/k0s", fakeK0s, 0o700)
	require.NoError(t, m.boot(t), m.log(t))
	m.assertJoined(t)
}

func TestScriptWaitsUntilTheNodeHasJoined(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "sh", fullWorker())
	m.write(t, "join-after", "4")
	require.NoError(t, m.boot(t), m.log(t))
	m.assertJoined(t)
	assert.GreaterOrEqual(t, strings.Count(m.read(t, "sleeps"), "2\n"), 2)
}

func TestScriptRefusesUnknownParameters(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "sh", fullWorker())
	parameters := m.read(t, "etc/k0smotron/parameters")
	m.write(t, "etc/k0smotron/parameters", parameters+"from_the_future=1\n")
	require.Error(t, m.boot(t))
}

// TestScriptSurvivesPowerCutsAnywhere cuts the power before and after every command the script runs, one at a time, and
// boots again: the machine must end like one that was never disturbed.
func TestScriptSurvivesPowerCutsAnywhere(t *testing.T) {
	t.Parallel()
	undisturbed := newMachine(t, "sh", officialWorker())
	require.NoError(t, undisturbed.boot(t), undisturbed.log(t))
	calls := undisturbed.calls(t)
	require.Greater(t, len(calls), 25, "the wrappers did not see the script's commands")

	for k := 1; k <= len(calls); k++ {
		for _, moment := range []string{"before", "after"} {
			t.Run(fmt.Sprintf("%s-%02d-%s", moment, k, filepath.Base(calls[k-1])), func(t *testing.T) {
				t.Parallel()
				m := newMachine(t, "sh", officialWorker())
				m.cutAt, m.cutWhen = k, moment
				require.Error(t, m.boot(t), "the power cut did not happen")
				if !m.exists(marker) {
					assert.NoFileExists(t, m.path(sentinel), "success was reported before it was reached")
				}
				m.cutAt = 0
				m.powerCut(t)

				require.NoError(t, m.boot(t), m.log(t))
				m.assertJoined(t)
				assert.Equal(t, undisturbed.files(t), m.files(t))
				assert.Equal(t, unique(undisturbed.events(t)), unique(m.events(t)), "every step happened")
			})
		}
	}
}

// unique drops repetitions: a step that was cut off before it was remembered happens again.
func unique(events []string) []string {
	seen := map[string]bool{}
	var list []string
	for _, event := range events {
		if !seen[event] {
			list = append(list, event)
		}
		seen[event] = true
	}
	return list
}

func shells() []string {
	available := []string{"sh"}
	for _, shell := range []string{"dash", "bash", "busybox"} {
		if _, err := exec.LookPath(shell); err == nil {
			available = append(available, shell)
		}
	}
	return available
}
