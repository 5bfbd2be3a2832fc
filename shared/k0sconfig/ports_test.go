// SPDX-License-Identifier: Apache-2.0

package k0sconfig_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/shared/k0sconfig"
)

func TestListenPorts(t *testing.T) {
	t.Parallel()
	outside := func(port int) k0sconfig.Endpoint { return k0sconfig.Endpoint{ExternalHost: "h", ExternalPort: port} }
	cases := map[string]struct {
		version           string
		api, konnectivity k0sconfig.Endpoint
		want              k0sconfig.Ports
	}{
		"Defaults": {
			"v1.36.3",
			k0sconfig.Endpoint{},
			k0sconfig.Endpoint{},
			k0sconfig.Ports{API: 6443, Konnectivity: 8132},
		},
		"Wished": {
			"v1.36.3",
			k0sconfig.Endpoint{Port: 1},
			k0sconfig.Endpoint{Port: 2},
			k0sconfig.Ports{API: 1, Konnectivity: 2},
		},
		"OutsideNew":     {"v1.34.0", outside(30443), outside(30132), k0sconfig.Ports{API: 6443, Konnectivity: 8132}},
		"OutsideOld":     {"v1.33.5", outside(30443), outside(30132), k0sconfig.Ports{API: 30443, Konnectivity: 30132}},
		"OutsidePatched": {"v1.33.6", outside(30443), outside(30132), k0sconfig.Ports{API: 6443, Konnectivity: 8132}},
		"OutsideOldest":  {"v1.31.0", outside(30443), outside(30132), k0sconfig.Ports{API: 30443, Konnectivity: 30132}},
		"HostOnlyOld":    {"v1.33.5", outside(0), outside(0), k0sconfig.Ports{API: 6443, Konnectivity: 8132}},
		"SameOld":        {"v1.33.5", outside(6443), outside(8132), k0sconfig.Ports{API: 6443, Konnectivity: 8132}},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			facts := k0sconfig.Facts{Version: version(t, test.version), API: test.api, Konnectivity: test.konnectivity}
			assert.Equal(t, test.want, k0sconfig.ListenPorts(facts))
			config, err := k0sconfig.Effective(nil, facts)
			require.NoError(t, err)
			assert.Equal(t, test.want, config.Ports, "what Effective renders is what ListenPorts promised")
		})
	}
}

// TestEndpointReachable is the point of the ports: whatever the version, the
// port a client dials is the port the configuration announces.
func TestEndpointReachable(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"v1.31.12", "v1.31.13", "v1.32.9", "v1.32.10", "v1.33.5", "v1.33.6", "v1.34.0", "v1.36.3"} {
		facts := k0sconfig.Facts{
			Version:      version(t, text),
			API:          k0sconfig.Endpoint{ExternalHost: "h", ExternalPort: 30443, Port: 6443},
			Konnectivity: k0sconfig.Endpoint{ExternalHost: "h", ExternalPort: 30132, Port: 8132},
		}
		config, err := k0sconfig.Effective(nil, facts)
		require.NoError(t, err)
		api := objectAt(config.NodeLocal, "spec", "api")
		konnectivity := objectAt(config.ClusterWide, "spec", "konnectivity")
		assert.EqualValues(t, config.Ports.API, api["port"])
		assert.EqualValues(t, config.Ports.Konnectivity, konnectivity["agentPort"])
		if config.Ports.API == 30443 {
			assert.Equal(t, "h", api["externalAddress"], text)
			assert.NotContains(t, konnectivity, "externalAddress", text)
			continue
		}
		assert.Equal(t, "h:30443", api["externalAddress"], text)
		assert.Equal(t, "h:30132", konnectivity["externalAddress"], text)
	}
}

func TestUserChoosesPort(t *testing.T) {
	t.Parallel()
	user := document(t, "spec: {api: {port: 7443}, konnectivity: {agentPort: 9132}}")
	config, err := k0sconfig.Effective(user, k0sconfig.Facts{
		Version: version(t, "v1.36.3"), API: k0sconfig.Endpoint{ExternalHost: "h", ExternalPort: 443},
	})
	require.NoError(t, err)
	assert.Equal(t, k0sconfig.Ports{API: 7443, Konnectivity: 9132}, config.Ports)
	assert.Equal(t, "h:443", objectAt(config.NodeLocal, "spec", "api")["externalAddress"])
}

func TestAgreeingAddresses(t *testing.T) {
	t.Parallel()
	facts := k0sconfig.Facts{Version: version(t, "v1.36.3")}
	endpointFacts(&facts)
	for _, address := range []string{"api.example.com", "api.example.com:443"} {
		user := map[string]any{"spec": map[string]any{"api": map[string]any{"externalAddress": address}}}
		config, err := k0sconfig.Effective(user, facts)
		require.NoError(t, err)
		assert.Equal(t, "api.example.com:443", objectAt(config.NodeLocal, "spec", "api")["externalAddress"])
	}
}
