// SPDX-License-Identifier: Apache-2.0

package k0sconfig_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/shared/k0sconfig"
)

func TestNetworks(t *testing.T) {
	t.Parallel()
	const pods4, pods6, services4, services6 = "10.244.0.0/16", "fd00::/56", "10.96.0.0/12", "fd01::/112"
	both := map[string]any{"enabled": true, "IPv6podCIDR": pods6, "IPv6serviceCIDR": services6}
	cases := map[string]struct {
		version        string
		pods, services []string
		user           string
		want           map[string]any
	}{
		"NothingStated": {version: "v1.36.3", want: nil},
		"UserStates": {
			version: "v1.36.3", user: "spec: {network: {podCIDR: 10.1.0.0/16, dualStack: {enabled: true, IPv6podCIDR: a}}}",
			want: map[string]any{"podCIDR": "10.1.0.0/16", "dualStack": map[string]any{"enabled": true, "IPv6podCIDR": "a"}},
		},
		"PodsOnly":     {version: "v1.36.3", pods: []string{pods4}, want: map[string]any{"podCIDR": pods4}},
		"ServicesOnly": {version: "v1.36.3", services: []string{services4}, want: map[string]any{"serviceCIDR": services4}},
		"UserAgrees": {
			version: "v1.36.3",
			pods:    []string{pods4},
			user:    "spec: {network: {podCIDR: 10.244.0.0/16, dualStack: {enabled: false}}}",
			want:    map[string]any{"podCIDR": pods4, "dualStack": map[string]any{"enabled": false}},
		},
		"IPv4First": {
			version: "v1.36.3", pods: []string{pods4, pods6}, services: []string{services4, services6},
			want: map[string]any{
				"podCIDR": pods4, "serviceCIDR": services4, "dualStack": both, "primaryAddressFamily": "IPv4",
			},
		},
		"IPv6First": {
			version: "v1.34.0", pods: []string{pods6, pods4}, services: []string{services6, services4},
			want: map[string]any{
				"podCIDR": pods4, "serviceCIDR": services4, "dualStack": both, "primaryAddressFamily": "IPv6",
			},
		},
		"ServicesDecideTheFamily": {
			version: "v1.34.0", pods: []string{pods6, pods4}, services: []string{services4, services6},
			want: map[string]any{
				"podCIDR": pods4, "serviceCIDR": services4, "dualStack": both, "primaryAddressFamily": "IPv4",
			},
		},
		"OldVersionKnowsNoFamily": {
			version: "v1.33.13", pods: []string{pods6, pods4}, services: []string{services4, services6},
			want: map[string]any{"podCIDR": pods4, "serviceCIDR": services4, "dualStack": both},
		},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			facts := k0sconfig.Facts{Version: version(t, test.version), PodCIDRs: test.pods, ServiceCIDRs: test.services}
			config, err := k0sconfig.Effective(document(t, test.user), facts)
			require.NoError(t, err)
			assert.Equal(t, test.want, objectAt(config.NodeLocal, "spec", "network"))
		})
	}
}

// TestCalicoModeInTheFile: k0s refuses two families on Calico unless the file
// itself says bird.
func TestCalicoModeInTheFile(t *testing.T) {
	t.Parallel()
	dual := networks([]string{"10.244.0.0/16", "fd00::/56"}, []string{"10.96.0.0/12", "fd01::/112"})
	cases := map[string]struct {
		user  string
		facts func(*k0sconfig.Facts)
		want  map[string]any
	}{
		"OneFamily": {
			user: "spec: {network: {calico: {mode: bird, mtu: 1400}}}", facts: networks([]string{"10.244.0.0/16"}, nil),
		},
		"TwoFamilies": {
			user: "spec: {network: {calico: {mode: bird, mtu: 1400}}}", facts: dual, want: map[string]any{"mode": "bird"},
		},
		"TwoFamiliesByUser": {
			user:  "spec: {network: {calico: {mode: bird}, dualStack: {enabled: true}}}",
			facts: networks(nil, nil), want: map[string]any{"mode": "bird"},
		},
		"NoMode":   {user: "spec: {network: {calico: {mtu: 1400}}}", facts: dual},
		"NoCalico": {user: "{}", facts: dual},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			facts := k0sconfig.Facts{Version: version(t, "v1.36.3")}
			test.facts(&facts)
			config, err := k0sconfig.Effective(document(t, test.user), facts)
			require.NoError(t, err)
			assert.Equal(t, test.want, objectAt(config.NodeLocal, "spec", "network", "calico"))
		})
	}
}
