// SPDX-License-Identifier: Apache-2.0

package k0scontract_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/k0scontract"
)

func TestEveryGoldenOutputHasACase(t *testing.T) {
	sources, err := k0scontract.Collect("../..")
	require.NoError(t, err)
	require.NotEmpty(t, sources)
	for _, source := range sources {
		for _, fact := range source.Facts {
			if _, found := k0scontract.CaseOf(fact); !found {
				t.Errorf("%s relies on %s %q, which no case of the k0s contract covers", source.Path, fact.Kind, fact.Name)
			}
		}
	}
}

func TestBothProvidersAreRead(t *testing.T) {
	sources, err := k0scontract.Collect("../..")
	require.NoError(t, err)
	seen := map[k0scontract.Kind]bool{}
	for _, fact := range k0scontract.Facts(sources) {
		seen[fact.Kind] = true
	}
	assert.True(t, seen[k0scontract.KindUnit], "no user data was found")
	assert.True(t, seen[k0scontract.KindCapability], "no control plane pod was found")
	assert.True(t, seen[k0scontract.KindKey], "no k0s.yaml was found")
}

func TestNewOutputHasNoCase(t *testing.T) {
	for _, fact := range []k0scontract.Fact{
		{Kind: k0scontract.KindFlag, Name: "controller --brand-new"},
		{Kind: k0scontract.KindKey, Name: "api.brandNew"},
		{Kind: k0scontract.KindProbe, Name: "/healthz"},
		{Kind: k0scontract.KindFile, Name: "join-token 0644"},
		{Kind: k0scontract.KindFile, Name: "pki/ca.key 0644 root:root"},
		{Kind: k0scontract.KindFlag, Name: "install controller --brand-new"},
		{Kind: k0scontract.KindCapability, Name: "SYS_ADMIN"},
	} {
		_, found := k0scontract.CaseOf(fact)
		assert.False(t, found, "%v", fact)
	}
	covered, found := k0scontract.CaseOf(k0scontract.Fact{
		Kind: k0scontract.KindKey, Name: "storage.etcd.externalCluster.endpoints",
	})
	assert.True(t, found)
	assert.Equal(t, k0scontract.CaseConfigTakesPlace, covered)
}

const userData = `#cloud-config
write_files:
- {path: /etc/k0s/join-token, permissions: "0600", content: token}
- path: /etc/k0smotron/k0s-arguments
  permissions: "0600"
  content: |
    install
    worker
    --token-file=/etc/k0s/join-token
- path: /etc/k0smotron/parameters
  permissions: "0600"
  content: |
    unit=k0sworker.service
    joined_file=/var/lib/k0s/kubelet.conf
    token_file=/etc/k0s/join-token
`

func TestUserDataFacts(t *testing.T) {
	parsed, err := k0scontract.ParseUserData([]byte(userData))
	require.NoError(t, err)
	assert.Equal(t, "worker", parsed.Role())
	facts, err := parsed.Facts()
	require.NoError(t, err)
	assert.ElementsMatch(t, []k0scontract.Fact{
		{Kind: k0scontract.KindCommand, Name: "install worker"},
		{Kind: k0scontract.KindUnit, Name: "k0sworker.service"},
		{Kind: k0scontract.KindFile, Name: "kubelet.conf"},
		{Kind: k0scontract.KindFlag, Name: "install worker --token-file"},
		{Kind: k0scontract.KindFile, Name: "join-token 0600 root:root"},
	}, facts)
}

const controllerData = `#cloud-config
write_files:
- {path: /etc/k0s/join-token, permissions: "0600", content: token}
- {path: /data/k0s/pki/etcd/ca.key, permissions: "0600", content: key}
- {path: /etc/motd, permissions: "0644", content: hello}
- path: /etc/systemd/system/k0scontroller.service.d/k0smotron.conf
  permissions: "0644"
  content: "[Unit]"
- path: /etc/k0s/k0s.yaml
  permissions: "0600"
  content: |
    spec: {api: {extraArgs: {a: b}}, storage: {type: etcd, etcd: {extraArgs: {name: m, max-learners: "5"}}}}
- path: /etc/k0smotron/k0s-arguments
  permissions: "0600"
  content: |
    install
    controller
    --env=AUTOPILOT_HOSTNAME=m
    --disable-components=a,b
- path: /etc/k0smotron/parameters
  permissions: "0600"
  content: |
    unit=k0scontroller.service
    ask_k0s=yes
    pki_dir=/data/k0s/pki
    joined_file=/data/k0s/etcd/member/snap/db
    download_url=http://lab/k0s-v1.36.3%2Bk0s.2-amd64
`

func TestControllerDataFacts(t *testing.T) {
	parsed, err := k0scontract.ParseUserData([]byte(controllerData))
	require.NoError(t, err)
	assert.Equal(t, "controller", parsed.Role())
	assert.Equal(t, "v1.36", parsed.Minor())
	facts, err := parsed.Facts()
	require.NoError(t, err)
	assert.ElementsMatch(t, []k0scontract.Fact{
		{Kind: k0scontract.KindCommand, Name: "install controller"},
		{Kind: k0scontract.KindCommand, Name: "status"},
		{Kind: k0scontract.KindUnit, Name: "k0scontroller.service"},
		{Kind: k0scontract.KindUnit, Name: "k0scontroller.service.d/k0smotron.conf"},
		{Kind: k0scontract.KindFile, Name: "etcd/member/snap/db"},
		{Kind: k0scontract.KindFile, Name: "join-token 0600 root:root"},
		{Kind: k0scontract.KindFile, Name: "pki/etcd/ca.key 0600 root:root"},
		{Kind: k0scontract.KindFile, Name: "k0s.yaml 0600 root:root"},
		{Kind: k0scontract.KindFlag, Name: "install controller --env"},
		{Kind: k0scontract.KindFlag, Name: "install controller --disable-components"},
		{Kind: k0scontract.KindComponent, Name: "a"},
		{Kind: k0scontract.KindComponent, Name: "b"},
		{Kind: k0scontract.KindKey, Name: "api.extraArgs"},
		{Kind: k0scontract.KindKey, Name: "storage.type"},
		{Kind: k0scontract.KindKey, Name: "storage.etcd.extraArgs.name"},
		{Kind: k0scontract.KindKey, Name: "storage.etcd.extraArgs.max-learners"},
	}, facts)
	for _, fact := range facts {
		if fact.Kind != k0scontract.KindComponent {
			_, found := k0scontract.CaseOf(fact)
			assert.True(t, found, "%v has a case", fact)
		}
	}
}

const objects = `---
apiVersion: v1
kind: Secret
metadata: {name: a}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: a}
spec:
  serviceName: a
  selector: {}
  template:
    spec:
      containers:
      - name: k0s
        command: [k0s, controller]
        args: [--disable-components=a]
        readinessProbe: {tcpSocket: {port: 1}}
        securityContext: {capabilities: {add: [KILL]}, readOnlyRootFilesystem: true}
        ports: [{name: api, containerPort: 1}]
        volumeMounts: [{name: run, mountPath: /run}]
      volumes:
      - name: files
        projected: {sources: [{secret: {name: a-ca, items: [{key: tls.key, path: pki/ca.key}]}}]}
`

func TestHostedFacts(t *testing.T) {
	hosted, err := k0scontract.ParseHosted([]byte(objects))
	require.NoError(t, err)
	require.NotNil(t, hosted)
	assert.ElementsMatch(t, []k0scontract.Fact{
		{Kind: k0scontract.KindCommand, Name: "controller"},
		{Kind: k0scontract.KindFlag, Name: "controller --disable-components"},
		{Kind: k0scontract.KindComponent, Name: "a"},
		{Kind: k0scontract.KindFile, Name: "pki/ca.key"},
		{Kind: k0scontract.KindPort, Name: "api"},
		{Kind: k0scontract.KindProbe, Name: "tcp"},
		{Kind: k0scontract.KindCapability, Name: "KILL"},
		{Kind: k0scontract.KindSandbox, Name: "read-only root file system"},
		{Kind: k0scontract.KindSandbox, Name: "writable /run"},
	}, hosted.Facts())
}

func TestConfigFacts(t *testing.T) {
	facts, err := k0scontract.ConfigFacts(
		k0scontract.KindKey,
		[]byte("spec: {api: {port: 6443, extraArgs: {a: b}}, telemetry: {enabled: false}}"),
	)
	require.NoError(t, err)
	assert.Equal(t, []k0scontract.Fact{
		{Kind: k0scontract.KindKey, Name: "api.extraArgs"},
		{Kind: k0scontract.KindKey, Name: "api.port"},
		{Kind: k0scontract.KindKey, Name: "telemetry.enabled"},
	}, facts)
}

func TestUnreadableGoldenFileIsAnError(t *testing.T) {
	root := t.TempDir()
	for _, provider := range []string{"bootstrap", "controlplane-incluster"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, provider, "testdata"), 0o755))
	}
	broken := filepath.Join(root, "bootstrap", "testdata", "user-data.yaml")
	require.NoError(t, os.WriteFile(broken, []byte("#cloud-config\nwrite_files: 1\n"), 0o600))
	_, err := k0scontract.Collect(root)
	require.ErrorContains(t, err, "reading cloud-config")
}
