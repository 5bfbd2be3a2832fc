// SPDX-License-Identifier: Apache-2.0

package k0sconfig_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/shared/k0sconfig"
)

func TestEndpoints(t *testing.T) {
	t.Parallel()
	endpoint := func(host string, external, port int) k0sconfig.Endpoint {
		return k0sconfig.Endpoint{ExternalHost: host, ExternalPort: external, Port: port}
	}
	none := k0sconfig.Endpoint{}
	object := func(pairs ...any) map[string]any {
		var built map[string]any
		for i := 0; i < len(pairs); i += 2 {
			if built == nil {
				built = map[string]any{}
			}
			key, _ := pairs[i].(string)
			built[key] = pairs[i+1]
		}
		return built
	}
	cases := map[string]struct {
		version                   string
		api, konnectivity         k0sconfig.Endpoint
		wantAPI, wantKonnectivity map[string]any
	}{
		"Nothing": {"v1.36.3", none, none, object(), object()},
		"HostOnly": {
			"v1.36.3", endpoint("h", 0, 0), none,
			object("externalAddress", "h"), object(),
		},
		"SamePort": {
			"v1.36.3", endpoint("h", 6443, 6443), endpoint("", 8132, 8132),
			object("externalAddress", "h", "port", int64(6443)),
			object("agentPort", int64(8132), "externalAddress", "h:8132"),
		},
		"OtherPort": {
			"v1.36.3", endpoint("h", 443, 6443), endpoint("", 30132, 0),
			object("externalAddress", "h:443", "port", int64(6443)),
			object("agentPort", int64(8132), "externalAddress", "h:30132"),
		},
		"OtherPortOld": {
			"v1.33.5", endpoint("h", 443, 6443), endpoint("", 30132, 0),
			object("externalAddress", "h", "port", int64(443)),
			object("agentPort", int64(30132)),
		},
		"PortWithoutHost": {
			"v1.36.3", endpoint("", 443, 6443), endpoint("", 30132, 0),
			object("port", int64(6443)), object("agentPort", int64(8132)),
		},
		"IPv6": {
			"v1.36.3", endpoint("fd00::1", 443, 6443), endpoint("fd00::2", 0, 9132),
			object("externalAddress", "[fd00::1]:443", "port", int64(6443)),
			object("agentPort", int64(9132), "externalAddress", "[fd00::2]:9132"),
		},
		"IPv6SamePort": {
			"v1.36.3", endpoint("fd00::1", 6443, 0), none,
			object("externalAddress", "fd00::1", "port", int64(6443)), object(),
		},
		"KonnectivityElsewhere": {
			"v1.36.3", endpoint("h", 6443, 0), endpoint("k", 443, 0),
			object("externalAddress", "h", "port", int64(6443)),
			object("agentPort", int64(8132), "externalAddress", "k:443"),
		},
		"KonnectivityAlone": {
			"v1.36.3", none, endpoint("k", 443, 0), object(),
			object("agentPort", int64(8132), "externalAddress", "k:443"),
		},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			facts := k0sconfig.Facts{Version: version(t, test.version), API: test.api, Konnectivity: test.konnectivity}
			config, err := k0sconfig.Effective(nil, facts)
			require.NoError(t, err)
			assert.Equal(t, test.wantAPI, objectAt(config.NodeLocal, "spec", "api"))
			assert.Equal(t, test.wantKonnectivity, objectAt(config.NodeLocal, "spec", "konnectivity"))
			assert.Equal(t, test.wantKonnectivity, objectAt(config.ClusterWide, "spec", "konnectivity"))
			assert.Nil(t, objectAt(config.ClusterWide, "spec", "api"))
		})
	}
}

func TestSANs(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		user  string
		facts []string
		want  []any
	}{
		"None":     {user: "{}"},
		"Ours":     {user: "{}", facts: []string{"b", "a"}, want: []any{"a", "b"}},
		"Users":    {user: "spec: {api: {sans: [d, c]}}", want: []any{"c", "d"}},
		"Both":     {user: "spec: {api: {sans: [b, a]}}", facts: []string{"c", "a"}, want: []any{"a", "b", "c"}},
		"Repeated": {user: "spec: {api: {sans: [a, a]}}", facts: []string{"a", "a"}, want: []any{"a"}},
		"Empty":    {user: "{}", facts: []string{"", "a"}, want: []any{"a"}},
		"OnlyGaps": {user: "spec: {api: {sans: []}}", facts: []string{""}, want: []any{}},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			facts := k0sconfig.Facts{Version: version(t, "v1.36.3"), SANs: test.facts}
			config, err := k0sconfig.Effective(document(t, test.user), facts)
			require.NoError(t, err)
			sans, found := at(config.NodeLocal, "spec.api.sans")
			require.Equal(t, test.want != nil, found)
			if found {
				assert.Equal(t, test.want, sans)
			}
		})
	}
}

// TestFactsWin: whatever else a user writes, what the facts say stands in the
// result. A user may also say the same.
func TestFactsWin(t *testing.T) {
	t.Parallel()
	facts := k0sconfig.Facts{Version: version(t, "v1.36.3"), ServiceDomain: "demo.local"}
	endpointFacts(&facts)
	authenticationFacts(&facts)
	networks([]string{"10.1.0.0/16"}, []string{"10.2.0.0/16"})(&facts)
	etcdFacts(&facts)
	want := map[string]any{
		"spec.api.externalAddress":                         "api.example.com:443",
		"spec.api.port":                                    int64(6443),
		"spec.api.extraArgs.authentication-config":         "/etc/k0s/authentication.yaml",
		"spec.konnectivity.agentPort":                      int64(8132),
		"spec.konnectivity.externalAddress":                "api.example.com:8132",
		"spec.network.podCIDR":                             "10.1.0.0/16",
		"spec.network.serviceCIDR":                         "10.2.0.0/16",
		"spec.network.clusterDomain":                       "demo.local",
		"spec.storage.type":                                "etcd",
		"spec.storage.etcd.externalCluster.endpoints":      []any{"https://etcd:2379"},
		"spec.storage.etcd.externalCluster.etcdPrefix":     "/demo",
		"spec.storage.etcd.externalCluster.caFile":         "a",
		"spec.storage.etcd.externalCluster.clientCertFile": "b",
		"spec.storage.etcd.externalCluster.clientKeyFile":  "c",
	}
	agreeing := map[string]any{}
	for path, value := range want {
		set(agreeing, path, value)
	}
	for name, user := range map[string]map[string]any{
		"Nothing":   nil,
		"Agreeing":  agreeing,
		"Unrelated": document(t, "spec: {api: {extraArgs: {v: '2'}}, network: {provider: custom}, images: {repository: r}}"),
	} {
		config, err := k0sconfig.Effective(user, facts)
		require.NoError(t, err, name)
		for path, value := range want {
			got, _ := at(config.NodeLocal, path)
			assert.Equal(t, value, got, "%s: %s", name, path)
		}
	}
}

// TestAnyOtherValueIsRefused: no fact can be overridden, whichever it is.
func TestAnyOtherValueIsRefused(t *testing.T) {
	t.Parallel()
	facts := k0sconfig.Facts{Version: version(t, "v1.36.3"), ServiceDomain: "demo.local"}
	endpointFacts(&facts)
	authenticationFacts(&facts)
	networks([]string{"10.1.0.0/16"}, []string{"10.2.0.0/16"})(&facts)
	etcdFacts(&facts)
	for path, value := range map[string]any{
		"spec.api.externalAddress":                         "x",
		"spec.api.port":                                    1,
		"spec.api.extraArgs.authentication-config":         "x",
		"spec.konnectivity.agentPort":                      1,
		"spec.konnectivity.externalAddress":                "x",
		"spec.network.podCIDR":                             "x",
		"spec.network.serviceCIDR":                         "x",
		"spec.network.clusterDomain":                       "x",
		"spec.storage.type":                                "x",
		"spec.storage.etcd.externalCluster.endpoints":      []any{},
		"spec.storage.etcd.externalCluster.etcdPrefix":     "x",
		"spec.storage.etcd.externalCluster.caFile":         "x",
		"spec.storage.etcd.externalCluster.clientCertFile": "x",
		"spec.storage.etcd.externalCluster.clientKeyFile":  "x",
	} {
		user := map[string]any{}
		set(user, path, value)
		_, err := k0sconfig.Effective(user, facts)
		var problems k0sconfig.ConfigErrors
		require.ErrorAs(t, err, &problems, path)
		require.Len(t, problems, 1, path)
		assert.Equal(t, path, problems[0].Path)
		assert.Contains(t, problems[0].Message, "contradicts")
		assert.Equal(t, "remove it from the k0s configuration", problems[0].Fix)
	}
}
