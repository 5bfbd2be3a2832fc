// SPDX-License-Identifier: Apache-2.0

package clusterconfig_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/clusterconfig"
)

const head = "apiVersion: k0s.k0sproject.io/v1beta1\nkind: ClusterConfig\n"

func load(t *testing.T, text string) (clusterconfig.Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "k0s.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return clusterconfig.Load(path, "10.0.0.1")
}

func TestLoadDefaults(t *testing.T) {
	config, err := load(t, "")
	require.NoError(t, err)
	spec := config.Spec
	assert.Equal(t, "10.0.0.1", spec.API.Address)
	assert.Equal(t, 6443, spec.API.Port)
	assert.Equal(t, "etcd", spec.Storage.Type)
	assert.Equal(t, "10.96.0.0/12", spec.Network.ServiceCIDR)
	assert.Equal(t, "quay.io/k0sproject/pause:3.10.2-0", spec.Images.Pause.URI())
	assert.Equal(t, clusterconfig.Spec{}, config.ClusterWide(), "defaults do not become part of the object")
}

func TestLoadMissing(t *testing.T) {
	_, err := clusterconfig.Load(filepath.Join(t.TempDir(), "missing.yaml"), "10.0.0.1")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestLoadRefuses(t *testing.T) {
	for name, test := range map[string]struct{ text, message string }{
		"unknown top key":          {"bogus: 1", `unknown field "bogus"`},
		"unknown key in spec":      {"spec: {bogus: 1}", `unknown field "bogus"`},
		"key k0s would overlook":   {"spec: {api: {bogus: 1}}", `unknown field "bogus"`},
		"misplaced key":            {"spec: {network: {externalAddress: a.b}}", `unknown field "externalAddress"`},
		"key twice":                {"spec: {api: {port: 1, port: 2}}", "already set"},
		"other kind":               {"kind: Cluster", "not a ClusterConfig"},
		"address":                  {"spec: {api: {address: 0.0.0.0}}", "spec.api.address"},
		"external address":         {"spec: {api: {externalAddress: 'a_b:1'}}", "spec.api.externalAddress"},
		"san":                      {"spec: {api: {sans: [ok.example, 'not ok']}}", "spec.api.sans[1]"},
		"port":                     {"spec: {api: {port: 70000}}", "spec.api.port"},
		"storage type":             {"spec: {storage: {type: tape}}", "spec.storage.type"},
		"etcd without endpoints":   {"spec: {storage: {etcd: {externalCluster: {etcdPrefix: /a}}}}", "endpoints"},
		"etcd without prefix":      {"spec: {storage: {etcd: {externalCluster: {endpoints: [a]}}}}", "etcdPrefix"},
		"half of a certificate":    {"spec: {storage: {etcd: {externalCluster: {endpoints: [a], etcdPrefix: /a, caFile: b}}}}", "belong together"},
		"provider":                 {"spec: {network: {provider: string}}", "spec.network.provider"},
		"range":                    {"spec: {network: {podCIDR: 10.0.0.0}}", "spec.network.podCIDR"},
		"second range":             {"spec: {network: {dualStack: {enabled: true}}}", "dualStack.IPv6podCIDR"},
		"domain":                   {"spec: {network: {clusterDomain: 'a b'}}", "spec.network.clusterDomain"},
		"agent port":               {"spec: {konnectivity: {agentPort: -1}}", "spec.konnectivity.agentPort"},
		"profile name":             {"spec: {workerProfiles: [{name: A}]}", "spec.workerProfiles[0].name"},
		"what k0s sets in profile": {"spec: {workerProfiles: [{name: a, values: {clusterDNS: [a]}}]}", "values.clusterDNS"},
	} {
		t.Run(name, func(t *testing.T) {
			text := head + test.text
			if name == "other kind" {
				text = test.text
			}
			_, err := load(t, text)
			require.ErrorContains(t, err, test.message)
		})
	}
}

func TestClusterWideRoundTrip(t *testing.T) {
	config, err := load(t, head+`
spec:
  api: {externalAddress: lb.example}
  storage: {type: kine, kine: {dataSource: mysql://secret}}
  network: {provider: custom, serviceCIDR: 10.97.0.0/16, clusterDomain: corp.example, kubeProxy: {disabled: true}}
  workerProfiles: [{name: default, values: {failCgroupV1: false}}]
`)
	require.NoError(t, err)
	wide, err := json.Marshal(config.ClusterWide())
	require.NoError(t, err)
	assert.JSONEq(t, `{"network": {"provider": "custom", "kubeProxy": {"disabled": true}},
		"workerProfiles": [{"name": "default", "values": {"failCgroupV1": false}}]}`, string(wide))

	merged, err := config.Spec.WithClusterWide(map[string]any{"network": map[string]any{"provider": "custom"}})
	require.NoError(t, err)
	assert.Equal(t, config.Spec.Storage, merged.Storage, "node-local settings stay those of the file")
	assert.Equal(t, "corp.example", merged.Network.ClusterDomain)
	assert.False(t, merged.Network.KubeProxy.Disabled, "cluster-wide settings are those of the object")
	assert.Empty(t, merged.WorkerProfiles)
}

func TestAddresses(t *testing.T) {
	for name, test := range map[string]struct {
		text, url, agent string
		agentPort        int
	}{
		"own address":        {"", "https://10.0.0.1:6443", "10.0.0.1", 8132},
		"host":               {"spec: {api: {externalAddress: lb.example}}", "https://lb.example:6443", "lb.example", 8132},
		"host and port":      {"spec: {api: {externalAddress: 'lb.example:30001'}}", "https://lb.example:30001", "lb.example", 8132},
		"agents' own":        {"spec: {konnectivity: {externalAddress: 'k.example:30002'}}", "https://10.0.0.1:6443", "k.example", 30002},
		"agents' own, short": {"spec: {konnectivity: {externalAddress: k.example}}", "https://10.0.0.1:6443", "k.example", 8132},
	} {
		t.Run(name, func(t *testing.T) {
			config, err := load(t, head+test.text)
			require.NoError(t, err)
			assert.Equal(t, test.url, config.Spec.API.ExternalURL())
			host, port := config.Spec.AgentAddress()
			assert.Equal(t, test.agent, host)
			assert.Equal(t, test.agentPort, port)
		})
	}
}

func TestSchemaNamesClusterWideKeysOnly(t *testing.T) {
	properties := func(object any, names ...string) map[string]any {
		for _, name := range names {
			object = object.(map[string]any)["properties"].(map[string]any)[name]
		}
		return object.(map[string]any)["properties"].(map[string]any)
	}
	spec := properties(clusterconfig.Schema(), "spec")
	assert.NotContains(t, spec, "api")
	assert.NotContains(t, spec, "storage")
	assert.Contains(t, spec, "workerProfiles")
	network := properties(clusterconfig.Schema(), "spec", "network")
	assert.NotContains(t, network, "serviceCIDR")
	assert.Contains(t, network, "podCIDR")
}
