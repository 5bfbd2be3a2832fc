// SPDX-License-Identifier: Apache-2.0

package bootstrapdata_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/bootstrapdata"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// TestBuildWorkerRefuses covers what the schema cannot see; what it sees, it refuses before.
func TestBuildWorkerRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change  func(*bootstrapdata.Worker)
		problem string
	}{
		"AFileOfTheControlPlane": {
			change: func(w *bootstrapdata.Worker) {
				w.Join.Files = []contract.JoinFile{{Path: "/etc/haproxy.cfg"}}
				w.Files = []bootstrapdata.File{{Path: "/etc/haproxy.cfg"}}
			},
			problem: "spec.files: /etc/haproxy.cfg is written by k0smotron or the control plane already",
		},
		"AFileOfOurs": {
			change: func(w *bootstrapdata.Worker) {
				w.Files = []bootstrapdata.File{{Path: "/etc/k0smotron/bootstrap.sh"}}
			},
			problem: "spec.files: /etc/k0smotron/bootstrap.sh",
		},
		"AFileThatIsADirectory": {
			change: func(w *bootstrapdata.Worker) {
				w.Files = []bootstrapdata.File{{Path: "/etc/a/b"}, {Path: "/etc/a"}}
			},
			problem: "spec.files: /etc/a cannot be a file, it is the directory of /etc/a/b",
		},
		"AFileThatIsOurDirectory": {
			change:  func(w *bootstrapdata.Worker) { w.Files = []bootstrapdata.File{{Path: "/etc/k0s"}} },
			problem: "spec.files: /etc/k0s cannot be a file, it is the directory of /etc/k0s/join-token",
		},
		"AFileThatIsADirectoryOfTheScript": {
			change:  func(w *bootstrapdata.Worker) { w.Files = []bootstrapdata.File{{Path: "/run/cluster-api"}} },
			problem: "spec.files: /run/cluster-api cannot be a file",
		},
		"ALineBreakInAnArgument": {
			change:  func(w *bootstrapdata.Worker) { w.Spec.Args = []bootstrapv1.WorkerArg{"--a=b\nc"} },
			problem: "must not contain line breaks",
		},
		"ALineBreakInAParameter": {
			change:  func(w *bootstrapdata.Worker) { w.Spec.DownloadURL = "http://a/\nmarker=/tmp/x" },
			problem: "must not contain line breaks",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := officialWorker()
			test.change(&w)
			_, err := bootstrapdata.BuildWorker(w)
			require.ErrorContains(t, err, test.problem)
		})
	}
}

// TestScriptIsTheSameForEverybody holds because nothing a user writes may become part of a script of ours.
func TestScriptIsTheSameForEverybody(t *testing.T) {
	t.Parallel()
	plain, full := officialWorker(), fullWorker()
	full.Spec.Args = []bootstrapv1.WorkerArg{"--env=X=$(reboot)"}
	full.Spec.K0sInstallDir = "/opt/bin"
	assert.Equal(t, content(t, plain, "/etc/k0smotron/bootstrap.sh"), content(t, full, "/etc/k0smotron/bootstrap.sh"))
	assert.Equal(t, content(t, plain, "/etc/systemd/system/"+bootstrapdata.Unit),
		content(t, full, "/etc/systemd/system/"+bootstrapdata.Unit))
}

// TestScriptKnowsEveryParameter holds because it refuses those it does not know.
func TestScriptKnowsEveryParameter(t *testing.T) {
	t.Parallel()
	script := content(t, officialWorker(), "/etc/k0smotron/bootstrap.sh")
	for _, w := range []bootstrapdata.Worker{officialWorker(), fullWorker()} {
		for line := range strings.Lines(content(t, w, "/etc/k0smotron/parameters")) {
			name, _, _ := strings.Cut(line, "=")
			name = regexp.MustCompile("^sha256_.*").ReplaceAllString(name, "sha256_*")
			assert.Contains(t, script, "    "+name+") ")
		}
	}
}

// TestDataDirMovesTheSignOfSuccess holds because the kubelet's credentials are in the data directory.
func TestDataDirMovesTheSignOfSuccess(t *testing.T) {
	t.Parallel()
	w := officialWorker()
	assert.Contains(t, content(t, w, "/etc/k0smotron/parameters"), "\njoined_file=/var/lib/k0s/kubelet.conf\n")
	w.Spec.Args = []bootstrapv1.WorkerArg{"--debug", "--data-dir=/data/k0s"}
	assert.Contains(t, content(t, w, "/etc/k0smotron/parameters"), "\njoined_file=/data/k0s/kubelet.conf\n")
}

func content(t *testing.T, w bootstrapdata.Worker, path string) string {
	t.Helper()
	data, err := bootstrapdata.BuildWorker(w)
	require.NoError(t, err)
	for _, file := range data.Files {
		if file.Path == path {
			return string(file.Content)
		}
	}
	require.Failf(t, "no such file", "%s", path)
	return ""
}
