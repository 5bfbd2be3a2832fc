// SPDX-License-Identifier: Apache-2.0

package bootstrapdata_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/bootstrapdata"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
)

// controllerFiles are the files of a controller by path.
func controllerFiles(t *testing.T, c bootstrapdata.Controller) map[string]bootstrapdata.File {
	t.Helper()
	data, err := bootstrapdata.BuildController(c)
	require.NoError(t, err)
	files := map[string]bootstrapdata.File{}
	for _, file := range data.Files {
		require.NotContains(t, files, file.Path)
		files[file.Path] = file
	}
	return files
}

func document(t *testing.T, text string) map[string]any {
	t.Helper()
	parsed, err := k0sconfig.Parse([]byte(text))
	require.NoError(t, err)
	return parsed
}

func arguments(t *testing.T, c bootstrapdata.Controller) []string {
	t.Helper()
	return strings.Split(strings.TrimSpace(string(controllerFiles(t, c)["/etc/k0smotron/k0s-arguments"].Content)), "\n")
}

func TestControllerArguments(t *testing.T) {
	t.Parallel()
	common := []string{
		"install", "controller", "--force", "--config=/etc/k0s/k0s.yaml", "--enable-dynamic-config",
		"--env=AUTOPILOT_HOSTNAME=tiger-x7k2p",
	}
	for name, test := range map[string]struct {
		controller bootstrapdata.Controller
		want       []string
	}{
		"First":   {firstController(), nil},
		"Joining": {joiningController(), []string{"--token-file=/etc/k0s/join-token"}},
		"Worker": {
			firstController("--enable-worker", "--no-taints"),
			[]string{"--labels=k0smotron.io/machine-name=tiger-x7k2p", "--enable-worker", "--no-taints"},
		},
		"JoiningWorkerWithLabels": {
			joiningController("--labels=pool=a,a=b", "--enable-worker=true", "--taints=a=b:NoSchedule"),
			[]string{
				"--token-file=/etc/k0s/join-token", "--labels=a=b,k0smotron.io/machine-name=tiger-x7k2p,pool=a",
				"--enable-worker=true", "--taints=a=b:NoSchedule",
			},
		},
		"LabelsWithoutWorker": {
			firstController("--labels=a=b", "--enable-worker=false"), []string{"--labels=a=b", "--enable-worker=false"},
		},
		"Untouched": {
			firstController(`--env=A=$(id) "x"`, "--disable-components=autopilot"),
			[]string{`--env=A=$(id) "x"`, "--disable-components=autopilot"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, append(slices.Clone(common), test.want...), arguments(t, test.controller))
		})
	}
}

// TestPKIFiles says which certificates a machine gets, and that nobody else can read the keys.
func TestPKIFiles(t *testing.T) {
	t.Parallel()
	all := []string{
		"ca.crt", "ca.key", "etcd/ca.crt", "etcd/ca.key", "front-proxy-ca.crt", "front-proxy-ca.key", "sa.key", "sa.pub",
	}
	withoutEtcd := []string{"ca.crt", "ca.key", "front-proxy-ca.crt", "front-proxy-ca.key", "sa.key", "sa.pub"}
	database := func(c bootstrapdata.Controller) bootstrapdata.Controller {
		c.K0s = document(t, `spec: {storage: {type: kine, kine: {dataSource: "postgres://u:p@h/db"}}}`)
		c.JoinToken = ""
		return c
	}
	for name, test := range map[string]struct {
		controller bootstrapdata.Controller
		directory  string
		want       []string
	}{
		"First":            {firstController(), "/var/lib/k0s/pki/", all},
		"Joining":          {joiningController(), "/var/lib/k0s/pki/", all},
		"DataDir":          {firstController("--data-dir=/data/k0s"), "/data/k0s/pki/", all},
		"FirstOld":         {withVersion(t, firstController(), "v1.31.4"), "/var/lib/k0s/pki/", all},
		"JoiningOld":       {withVersion(t, joiningController(), "v1.31.4"), "/var/lib/k0s/pki/", all[2:]},
		"JoiningNewer":     {withVersion(t, joiningController(), "v1.31.5"), "/var/lib/k0s/pki/", all},
		"JoiningOld32":     {withVersion(t, joiningController(), "v1.32.0+k0s.0"), "/var/lib/k0s/pki/", all[2:]},
		"Database":         {database(firstController()), "/var/lib/k0s/pki/", withoutEtcd},
		"DatabaseJoins":    {database(joiningController()), "/var/lib/k0s/pki/", withoutEtcd},
		"DatabaseJoinsOld": {withVersion(t, database(joiningController()), "v1.31.4"), "/var/lib/k0s/pki/", withoutEtcd},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for path, file := range controllerFiles(t, test.controller) {
				short, found := strings.CutPrefix(path, test.directory)
				if !found {
					continue
				}
				got = append(got, short)
				if strings.HasSuffix(path, ".key") {
					assert.Equal(t, "0600", file.Permissions, path)
				}
			}
			slices.Sort(got)
			assert.Equal(t, test.want, got)
			assert.Contains(t, string(controllerFiles(t, test.controller)["/etc/k0smotron/parameters"].Content),
				"pki_dir="+strings.TrimSuffix(test.directory, "/")+"\n")
		})
	}
}

// TestK0sYAML holds because only what k0s reads from its file belongs there, and one name of this machine.
func TestK0sYAML(t *testing.T) {
	t.Parallel()
	c := firstController()
	c.K0s = document(t, `
spec:
  api: {externalAddress: 10.0.0.10}
  network: {provider: calico, calico: {vxlanPort: 1}}
  storage: {etcd: {extraArgs: {max-learners: "5"}}}
  telemetry: {enabled: false}
`)
	file := controllerFiles(t, c)["/etc/k0s/k0s.yaml"]
	assert.Equal(t, "0600", file.Permissions, "it may hold credentials")
	assert.Equal(t, document(t, `
apiVersion: k0s.k0sproject.io/v1beta1
kind: ClusterConfig
metadata: {name: k0s}
spec:
  api: {externalAddress: 10.0.0.10}
  network: {provider: calico}
  storage: {etcd: {extraArgs: {max-learners: "5", name: tiger-x7k2p}}}
`), document(t, string(file.Content)))

	c.K0s = document(t, `spec: {storage: {type: kine, kine: {dataSource: "postgres://u:p@h/db"}}}`)
	assert.NotContains(t, string(controllerFiles(t, c)["/etc/k0s/k0s.yaml"].Content), "tiger", "there are no members")
}

// TestTheGuardKnowsWhereTheDataIs holds because a wrong path would keep k0s from ever starting again, or not at all.
func TestTheGuardKnowsWhereTheDataIs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		k0s  string
		args []bootstrapv1.ControllerArg
		want string
	}{
		"Etcd":        {want: etcdData},
		"DataDir":     {args: []bootstrapv1.ControllerArg{"--data-dir=/data"}, want: "/data/etcd/member/snap/db"},
		"Elsewhere":   {k0s: `spec: {storage: {type: kine, kine: {dataSource: "mysql://x"}}}`},
		"NotK0sEtcds": {k0s: `spec: {storage: {etcd: {externalCluster: {endpoints: ["https://e:2379"], etcdPrefix: p}}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := firstController(test.args...)
			c.K0s = document(t, test.k0s)
			files := controllerFiles(t, c)
			parameters := string(files["/etc/k0smotron/parameters"].Content)
			if test.want == "" {
				assert.NotContains(t, files, dropIn)
				assert.NotContains(t, parameters, "permit=")
				return
			}
			assert.Contains(t, string(files[dropIn].Content),
				"\nAssertPathExists=|/run/k0smotron/first-start\nAssertPathExists=|"+test.want+"\n")
			assert.Contains(t, parameters, "joined_file="+strings.ReplaceAll(test.want, "%%", "%")+"\n")
			assert.Contains(t, parameters, "permit=/run/k0smotron/first-start\n")
		})
	}
}

func TestNeedsToken(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		role bootstrapv1.ControllerRole
		k0s  string
		want bool
	}{
		"First":         {bootstrapv1.ControllerRoleFirst, "", false},
		"Joining":       {bootstrapv1.ControllerRoleJoining, "", true},
		"JoinsDatabase": {bootstrapv1.ControllerRoleJoining, `spec: {storage: {type: kine, kine: {dataSource: "mysql://x"}}}`, false},
	} {
		assert.Equal(t, test.want, bootstrapdata.NeedsToken(test.role, document(t, test.k0s)), name)
	}
}

// TestBuildControllerRefuses covers what the schema cannot see.
func TestBuildControllerRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change  func(*bootstrapdata.Controller)
		problem string
	}{
		"AnUnknownKey": {
			func(c *bootstrapdata.Controller) { c.K0s = document(t, `spec: {nonsense: {}}`) },
			"spec.k0s: spec.nonsense: is not a key that k0s knows",
		},
		"AKeyOfLaterReleases": {
			func(c *bootstrapdata.Controller) {
				*c = withVersion(t, *c, "v1.35.1")
				c.K0s = document(t, `spec: {network: {kuberouter: {patches: []}}}`)
			},
			"is not known to k0s v1.35.1",
		},
		"AnotherNameOfTheMember": {
			func(c *bootstrapdata.Controller) {
				c.K0s = document(t, `spec: {storage: {etcd: {extraArgs: {name: mine}}}}`)
			},
			`"mine" contradicts "tiger-x7k2p" from the name of the Machine`,
		},
		"SQLite": {
			func(c *bootstrapdata.Controller) { c.K0s = document(t, `spec: {storage: {type: kine}}`) },
			"spec.k0s: spec.storage.kine.dataSource: is not set, so kine uses SQLite",
		},
		"JoiningSQLite": {
			func(c *bootstrapdata.Controller) {
				c.Spec.Role = bootstrapv1.ControllerRoleJoining
				c.K0s = document(t, `spec: {storage: {type: kine, kine: {dataSource: "sqlite:///a"}}}`)
			},
			`spec.k0s: spec.storage.kine.dataSource: "sqlite://…" is a file`,
		},
		"EmbeddedNATS": {
			func(c *bootstrapdata.Controller) {
				c.K0s = document(t, `spec: {storage: {type: kine, kine: {dataSource: "nats://h"}}}`)
			},
			"makes kine run a NATS server itself: the state of the cluster would lie on one machine",
		},
		"ACertificateOfOurs": {
			func(c *bootstrapdata.Controller) { c.Files = []bootstrapdata.File{{Path: "/var/lib/k0s/pki/ca.key"}} },
			"spec.files: /var/lib/k0s/pki/ca.key is written by k0smotron or the control plane already",
		},
		"ACertificateThatIsLeftOut": {
			func(c *bootstrapdata.Controller) {
				*c = withVersion(t, joiningController(), "v1.31.4")
				c.Files = []bootstrapdata.File{{Path: "/var/lib/k0s/pki/ca.crt"}}
			},
			"spec.files: /var/lib/k0s/pki/ca.crt is written by k0smotron or the control plane already",
		},
		"TheGuard": {
			func(c *bootstrapdata.Controller) { c.Files = []bootstrapdata.File{{Path: dropIn}} },
			"choose another path",
		},
		"ALineBreakInAnArgument": {
			func(c *bootstrapdata.Controller) { c.Spec.Args = []bootstrapv1.ControllerArg{"--a=b\nc"} },
			"must not contain line breaks",
		},
		"ALineBreakInAParameter": {
			func(c *bootstrapdata.Controller) { c.Spec.DownloadURL = "http://a/\nmarker=/tmp/x" },
			"must not contain line breaks",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := firstController()
			test.change(&c)
			_, err := bootstrapdata.BuildController(c)
			require.ErrorContains(t, err, test.problem)
		})
	}
}

// TestControllersRunTheScriptOfWorkers holds because one script is tested, not two.
func TestControllersRunTheScriptOfWorkers(t *testing.T) {
	t.Parallel()
	files := controllerFiles(t, joiningController())
	for _, path := range []string{"/etc/k0smotron/bootstrap.sh", "/etc/systemd/system/" + bootstrapdata.Unit} {
		assert.Equal(t, content(t, officialWorker(), path), string(files[path].Content))
	}
	script := string(files["/etc/k0smotron/bootstrap.sh"].Content)
	for line := range strings.Lines(string(files["/etc/k0smotron/parameters"].Content)) {
		name, _, _ := strings.Cut(line, "=")
		assert.Contains(t, script, "    "+name+") ")
	}
}
