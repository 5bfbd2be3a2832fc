// SPDX-License-Identifier: Apache-2.0

package bootstrapdata_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/bootstrapdata"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

const (
	sentinel     = "/run/cluster-api/bootstrap-success.complete"
	marker       = "/var/lib/k0smotron/bootstrap.done"
	officialSums = "https://github.com/k0sproject/k0s/releases/download/v1.36.3%2Bk0s.0/sha256sums.txt"
)

// machine is a folder that the script takes for a machine: our files under it, the programs it calls replaced by
// wrappers that act inside the folder, count the calls, and can cut the power at any of them.
type machine struct {
	root     string
	shell    string
	arch     string
	served   map[string]string
	onlyTool string
	cutAt    int
	cutWhen  string
}

// fakeK0s is as strict as k0s where the script relies on it.
const fakeK0s = `#!/bin/sh
case "$1 $2" in
"install worker" | "install controller") unit=$ROOT/etc/systemd/system/k0s$2.service ;;
"status ") [ -e "$ROOT/run/k0s-is-up" ] && exit 0; exit 1 ;;
*) exit 1 ;;
esac
[ ! -e "$ROOT/refuse-install" ] || exit 1
if [ -e "$unit" ] && [ "$3" != --force ]; then
  echo "Init already exists" >&2
  exit 1
fi
for a in "$@"; do printf '%s\n' "$a"; done >"$ROOT/k0s-arguments-seen"
echo unit >"$unit"
echo "k0s installed" >>"$EVENTS"
`

// wrapper stands for every program that changes something or waits. It counts the calls and can cut the power.
const wrapper = `#!/bin/sh
CALLER_PATH=$PATH
PATH=$REAL_PATH
name=${0##*/}
read -r n <"$ROOT/count"; n=$((n + 1)); echo "$n" >"$ROOT/count"
echo "$name $*" >>"$ROOT/calls"
[ "$n $CUT_WHEN" != "$CUT_AT before" ] || kill -9 0
status=0
. "$ROOT/fakes/$name" || status=$?
[ "$n $CUT_WHEN" != "$CUT_AT after" ] || kill -9 0
exit $status
`

// fakes are sourced by the wrapper, with its arguments. PATH has nothing else but these and the readers.
var fakes = map[string]string{
	"chmod":     `chmod "$@"`,
	"mv":        `mv "$@"`,
	"rm":        `rm "$@"`,
	"mkdir":     `mkdir "$@"`,
	"sha256sum": `sha256sum "$@"`,
	"sync":      ":",
	"sh":        `PATH=$REAL_PATH:$CALLER_PATH $SHELL_UNDER_TEST "$@"`,
	"sleep": `echo "$1" >>"$ROOT/sleeps"
read -r patience <"$ROOT/patience"; echo $((patience - 1)) >"$ROOT/patience"
[ "$patience" -gt 1 ] || kill -9 0
. "$ROOT/join"`,
	"curl": `while [ $# -gt 1 ]; do [ "$1" != --output ] || out=$2; shift; done
url=$1
. "$ROOT/fetch"`,
	"wget": `out=$5 url=$6
. "$ROOT/fetch"`,
	"systemctl": `case "$*" in
"start k0sworker.service")
  [ -e "$ROOT/etc/systemd/system/k0sworker.service" ] || return 5
  [ -e "$ROOT/run/k0s-runs" ] || echo "k0s started" >>"$EVENTS"
  [ -e "$ROOT/var/lib/k0s/kubelet.conf" ] || [ -s "$ROOT/etc/k0s/join-token" ] || return 1
  mkdir -p "$ROOT/run" && : >"$ROOT/run/k0s-runs" ;;
"start k0scontroller.service")
  [ -e "$ROOT/etc/systemd/system/k0scontroller.service" ] || return 5
  . "$ROOT/assert" || return 1
  [ -e "$ROOT/run/k0s-runs" ] || echo "k0s started" >>"$EVENTS"
  mkdir -p "$ROOT/run" && : >"$ROOT/run/k0s-runs" ;;
"is-active --quiet k0sworker.service" | "is-active --quiet k0scontroller.service")
  [ -e "$ROOT/run/k0s-runs" ] || return 3 ;;
*) return 1 ;;
esac
. "$ROOT/join"`,
}

// join lets k0s do its work after a while, if it runs.
const join = `read -r left <"$ROOT/join-after"
if [ -e "$ROOT/run/k0s-runs" ]; then
  echo $((left - 1)) >"$ROOT/join-after"
  [ "$left" -gt 0 ] || . "$ROOT/joined"
fi`

// joinedWorker gives the kubelet its credentials.
const joinedWorker = `mkdir -p "$ROOT/var/lib/k0s" && echo credentials >"$ROOT/var/lib/k0s/kubelet.conf"`

// fetch is a server that may fail a few times, leaving half a file.
const fetch = `read -r failures <"$ROOT/failures"
if [ "$failures" -gt 0 ]; then
  echo $((failures - 1)) >"$ROOT/failures"
  echo partial >"$out"
  return 22
fi
cp "$ROOT/served/$(printf '%s' "$url" | sha256sum | cut -c1-64)" "$out"
`

func newMachine(t *testing.T, shell string, w bootstrapdata.Worker) *machine {
	t.Helper()
	m := emptyMachine(t, shell)
	m.install(t, w)
	return m
}

// emptyMachine has booted for the first time, before cloud-init runs.
func emptyMachine(t *testing.T, shell string) *machine {
	t.Helper()
	m := &machine{root: t.TempDir(), shell: shell, arch: runtime.GOARCH, served: map[string]string{
		"/k0s-v1.36.3%2Bk0s.0-" + runtime.GOARCH: fakeK0s,
		officialBinary(runtime.GOARCH):           fakeK0s,
		officialSums: strings.Repeat("0", 64) + " *k0s-v1.36.3+k0s.0-arm\n" +
			checksum(fakeK0s) + " *k0s-v1.36.3+k0s.0-" + runtime.GOARCH + "\n",
	}}
	for program, text := range fakes {
		m.put(t, "fakes/"+program, text, 0o600)
	}
	for file, text := range map[string]string{
		"fetch": fetch, "join": join, "joined": joinedWorker, "assert": assertions, "failures": "0", "join-after": "0", "patience": "1000", "events": "", "calls": "",
	} {
		m.write(t, file, text+"\n")
	}
	require.NoError(t, os.MkdirAll(m.path("/var/log"), 0o700))
	return m
}

func (m *machine) install(t *testing.T, w bootstrapdata.Worker) {
	t.Helper()
	data, err := bootstrapdata.BuildWorker(w)
	require.NoError(t, err)
	m.writeFiles(t, data)
}

// writeFiles does what cloud-init does, with every path below the root of the machine.
func (m *machine) writeFiles(t *testing.T, data bootstrapdata.Data) {
	t.Helper()
	for _, file := range data.Files {
		content := string(file.Content)
		if strings.HasSuffix(file.Path, "/parameters") {
			content = strings.ReplaceAll(content, "=/", "="+m.root+"/")
			content = strings.ReplaceAll(content, "download_url="+m.root, "download_url=")
		}
		mode, err := strconv.ParseUint(file.Permissions, 8, 32)
		require.NoError(t, err)
		m.put(t, file.Path, content, fs.FileMode(mode))
	}
}

// boot runs the script as the unit does, and fails when the script fails or the power is cut.
func (m *machine) boot(t *testing.T) error {
	t.Helper()
	bin := m.path("/fake-bin")
	require.NoError(t, os.RemoveAll(bin))
	for program := range fakes {
		if program != m.otherTool() {
			m.put(t, "fake-bin/"+program, wrapper, 0o700)
		}
	}
	m.put(t, "fake-bin/date", "#!/bin/sh\necho 2026-01-01T00:00:00Z\n", 0o700)
	m.put(t, "fake-bin/uname", "#!/bin/sh\nPATH=$REAL_PATH uname -m\n", 0o700)
	for url, content := range m.served {
		m.put(t, "served/"+checksum(url), content, 0o600)
	}
	m.write(t, "count", "0\n")
	return m.run(t, m.path("/etc/k0smotron/bootstrap.sh"))
}

// run lets the machine's shell run a script.
func (m *machine) run(t *testing.T, script ...string) error {
	t.Helper()
	bin := m.path("/fake-bin")
	shell, err := exec.LookPath(m.shell)
	require.NoError(t, err)
	command := []string{shell}
	if m.shell == "busybox" {
		command = append(command, "sh")
	}
	cmd := exec.CommandContext(t.Context(), shell, append(command[1:], script...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = []string{
		"PATH=" + bin, "REAL_PATH=" + os.Getenv("PATH"), "ROOT=" + m.root, "EVENTS=" + m.path("/events"),
		"SHELL_UNDER_TEST=" + strings.Join(command, " "), "CUT_AT=" + strconv.Itoa(m.cutAt), "CUT_WHEN=" + m.cutWhen,
	}
	return cmd.Run()
}

func (m *machine) otherTool() string {
	return map[string]string{"curl": "wget", "wget": "curl"}[m.onlyTool]
}

// powerCut ends the boot: what is in memory is gone.
func (m *machine) powerCut(t *testing.T) {
	t.Helper()
	require.NoError(t, os.RemoveAll(m.path("/run")))
}

func (m *machine) assertJoined(t *testing.T) {
	t.Helper()
	assert.FileExists(t, m.path(marker))
	assert.FileExists(t, m.path(sentinel))
	assert.FileExists(t, m.path("/var/lib/k0s/kubelet.conf"))
	assert.NoFileExists(t, m.path("/etc/k0s/join-token"), "the token is not needed any more")
	assert.NoFileExists(t, m.path("/usr/local/bin/k0s.new"))
	assert.Equal(t, fakeK0s, m.read(t, "usr/local/bin/k0s"))
	info, err := os.Stat(m.path("/var/log/k0smotron-bootstrap.log"))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	info, err = os.Stat(m.path("/usr/local/bin/k0s"))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o755), info.Mode().Perm()|0o055, "k0s must be executable")
}

// files lists what is on the machine and not in memory, nor part of the test itself.
func (m *machine) files(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, dir := range []string{"/etc", "/usr", "/var"} {
		require.NoError(t, filepath.WalkDir(m.path(dir), func(path string, _ fs.DirEntry, err error) error {
			list = append(list, strings.TrimPrefix(path, m.root))
			return err
		}))
	}
	return list
}

func (m *machine) put(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(m.path(path)), 0o700))
	// A process that another test starts while this file is open for writing inherits it for a moment, and then it
	// cannot be executed: text file busy.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	require.NoError(t, os.WriteFile(m.path(path), []byte(content), mode))
}

func (m *machine) write(t *testing.T, path, content string) {
	t.Helper()
	m.put(t, path, content, 0o600)
}

func (m *machine) read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(m.path(path))
	if os.IsNotExist(err) {
		return ""
	}
	require.NoError(t, err)
	return string(text)
}

func (m *machine) path(path string) string { return filepath.Join(m.root, path) }

func (m *machine) exists(path string) bool {
	_, err := os.Stat(m.path(path))
	return err == nil
}

func (m *machine) log(t *testing.T) string {
	t.Helper()
	return m.read(t, "var/log/k0smotron-bootstrap.log")
}

func (m *machine) calls(t *testing.T) []string {
	t.Helper()
	var names []string
	for line := range strings.Lines(strings.TrimSpace(m.read(t, "calls"))) {
		names = append(names, strings.Fields(line)[0])
	}
	return names
}

func (m *machine) events(t *testing.T) []string {
	t.Helper()
	return strings.Split(strings.TrimSpace(m.read(t, "events")), "\n")
}

func officialBinary(arch string) string {
	return "https://github.com/k0sproject/k0s/releases/download/v1.36.3%2Bk0s.0/k0s-v1.36.3%2Bk0s.0-" + arch
}

func checksum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// fullWorker has commands of both kinds and a download of its own with a checksum.
func fullWorker() bootstrapdata.Worker {
	w := officialWorker()
	w.Spec.DownloadURL = "/k0s-{version}-{arch}"
	w.Spec.DownloadOptions.Checksums = []bootstrapv1.Checksum{{Arch: runtime.GOARCH, SHA256: checksum(fakeK0s)}}
	return w
}

func officialWorker() bootstrapdata.Worker {
	version, err := k0sversion.Parse("v1.36.3")
	if err != nil {
		panic(err)
	}
	return bootstrapdata.Worker{
		MachineName: "workers-x7k2p",
		Version:     version,
		JoinToken:   "token",
		Spec: bootstrapv1.K0sWorkerConfigSpec{InstallSpec: bootstrapv1.InstallSpec{
			PreK0sCommands:  []string{"echo pre 1 >>\"$EVENTS\"", "set -eu\necho pre 2 >>\"$EVENTS\"\n"},
			PostK0sCommands: []string{"echo post 1 >>\"$EVENTS\""},
		}},
	}
}
