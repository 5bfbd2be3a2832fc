// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/clusterconfig"
)

func newController(t *testing.T, spec string) *Controller {
	t.Helper()
	path := filepath.Join(t.TempDir(), "k0s.yaml")
	require.NoError(t, os.WriteFile(path, []byte("spec: "+spec), 0o600))
	config, err := clusterconfig.Load(path, "10.0.0.1")
	require.NoError(t, err)
	return &Controller{Layout: Layout{DataDir: "/d", RunDir: "/r"}, Config: config}
}

func TestAPIServerFlags(t *testing.T) {
	for name, test := range map[string]struct {
		spec     string
		disabled []string
		rule     anonymousRule
		want     Flags
		without  []string
	}{
		"managed etcd": {spec: "{}", rule: anonymousByFlag, want: Flags{
			"etcd-servers": "https://127.0.0.1:2379", "anonymous-auth": "false", "advertise-address": "10.0.0.1",
			"egress-selector-config-file": "/d/konnectivity.conf",
			"api-audiences":               "https://kubernetes.default.svc,system:konnectivity-server",
		}, without: []string{"endpoint-reconciler-type", "bind-address", "etcd-prefix"}},
		"external etcd": {
			spec: `{storage: {etcd: {externalCluster: {endpoints: [a, b], etcdPrefix: /c, caFile: 1, clientCertFile: 2, clientKeyFile: 3}}}}`,
			rule: anonymousByFile,
			want: Flags{"etcd-servers": "a,b", "etcd-prefix": "/c", "etcd-cafile": "1", "etcd-certfile": "2", "etcd-keyfile": "3"}, without: []string{"anonymous-auth"},
		},
		"kine": {spec: `{storage: {type: kine, kine: {dataSource: "mysql://x"}}}`, want: Flags{"etcd-servers": "unix:///r/kine/kine.sock:2379"}, without: []string{"etcd-cafile"}},
		"external address": {spec: "{api: {externalAddress: lb.example, onlyBindToAddress: true}}", want: Flags{
			"endpoint-reconciler-type": "none", "bind-address": "10.0.0.1",
		}},
		"native endpoints": {
			spec: "{api: {externalAddress: lb.example}}", disabled: []string{"endpoint-reconciler", "konnectivity-server"},
			without: []string{"endpoint-reconciler-type", "egress-selector-config-file"},
		},
		"user's flags": {
			spec: `{api: {extraArgs: {profiling: "true"}}, featureGates: [{name: A, enabled: true}, {name: B, enabled: true, components: [kubelet]}]}`,
			want: Flags{"profiling": "true", "feature-gates": "A=true"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newController(t, test.spec)
			c.Disabled = test.disabled
			flags := c.apiServerFlags(test.rule)
			for flag, value := range test.want {
				assert.Equal(t, value, flags[flag], flag)
			}
			for _, flag := range test.without {
				assert.NotContains(t, flags, flag)
			}
		})
	}
}

func TestAnonymousRule(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authentication.yaml")
	c := newController(t, `{api: {extraArgs: {authentication-config: "`+path+`"}}}`)
	for text, want := range map[string]anonymousRule{
		"jwt: []": anonymousByFlag, "anonymous: {enabled: true, conditions: [{path: /livez}]}": anonymousByFile,
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		rule, err := c.anonymousRule()
		require.NoError(t, err)
		assert.Equal(t, want, rule, text)
	}
	require.NoError(t, os.Remove(path))
	_, err := c.anonymousRule()
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestLeaderElectionFollowsStorage(t *testing.T) {
	for spec, want := range map[string]string{
		"{}": "true",
		`{storage: {type: kine, kine: {dataSource: "sqlite://file:/db"}}}`: "false",
		`{storage: {type: kine, kine: {dataSource: "postgres://db"}}}`:     "true",
	} {
		c := newController(t, spec)
		assert.Equal(t, want, c.controllerManagerFlags(c.Config.Spec)["leader-elect"], spec)
		assert.Equal(t, want, c.schedulerFlags(c.Config.Spec)["leader-elect"], spec)
	}
}

func TestAddonsRender(t *testing.T) {
	c := newController(
		t,
		"{api: {externalAddress: 'lb.example:30001'}, konnectivity: {externalAddress: 'lb.example:30002'}, network: {kubeProxy: {disabled: true}}}",
	)
	values, err := valuesOf(c.Config.Spec)
	require.NoError(t, err)
	wanted := map[string]bool{}
	for _, addon := range c.addons(c.Config.Spec) {
		objects, err := render(addon.name, values)
		require.NoError(t, err, addon.name)
		require.NotEmpty(t, objects)
		for _, object := range objects {
			assert.NotEmpty(t, object.GetKind(), addon.name)
			assert.NotEmpty(t, object.GetName(), addon.name)
		}
		wanted[addon.name] = addon.wanted
	}
	assert.Equal(
		t,
		map[string]bool{"system-rbac": true, "coredns": true, "kube-proxy": false, "konnectivity-agent": true},
		wanted,
	)
}

func TestProfileObjects(t *testing.T) {
	c := newController(
		t,
		"{workerProfiles: [{name: default, values: {failCgroupV1: false}}, {name: gpu, values: {maxPods: 5}}]}",
	)
	objects, err := c.profileObjects(c.Config.Spec, []string{"10.0.0.1:6443"})
	require.NoError(t, err)
	require.Len(t, objects, 2)
	assert.Equal(t, "worker-config-default-1.36", objects[0].GetName())
	assert.Equal(t, "worker-config-gpu-1.36", objects[1].GetName())

	data := objects[0].Object["data"].(map[string]any)
	assert.JSONEq(t, `["10.0.0.1:6443"]`, data["apiServerAddresses"].(string))
	var kubelet map[string]any
	require.NoError(t, json.Unmarshal([]byte(data["kubeletConfiguration"].(string)), &kubelet))
	assert.Equal(t, false, kubelet["failCgroupV1"])
	assert.Equal(t, []any{"10.96.0.10"}, kubelet["clusterDNS"])
}

func TestAddressIn(t *testing.T) {
	address, err := addressIn("10.96.0.0/12", 10)
	require.NoError(t, err)
	assert.Equal(t, "10.96.0.10", address)
	_, err = addressIn("10.96.0.0", 1)
	require.Error(t, err)
}
