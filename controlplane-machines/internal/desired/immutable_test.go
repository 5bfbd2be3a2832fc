// SPDX-License-Identifier: Apache-2.0

package desired_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/desired"
)

// TestImmutableChanges has a case for every value that a cluster is made with.
func TestImmutableChanges(t *testing.T) {
	t.Parallel()
	const external = `{"spec":{"storage":{"etcd":{"externalCluster":{"endpoints":["a"]}}}}}`
	network := func(text string) string { return `{"spec":{"network":{` + text + `}}}` }
	cases := map[string]struct {
		before, after string
		want          []string
	}{
		"Nothing": {before: `{}`, after: `{}`},
		"Defaults": {
			before: `{}`,
			after: network(
				`"podCIDR":"10.244.0.0/16","serviceCIDR":"10.96.0.0/12","clusterDomain":"cluster.local","provider":"kuberouter"`,
			),
		},
		"StorageSpelled": {before: `{}`, after: `{"spec":{"storage":{"type":"etcd"}}}`},
		"StorageKine": {
			`{}`,
			`{"spec":{"storage":{"type":"kine"}}}`,
			[]string{"from the etcd that k0s runs to kine", "move the workload"},
		},
		"StorageExternal": {`{}`, external, []string{"to an etcd of the user"}},
		"StorageBack":     {external, `{}`, []string{"from an etcd of the user to the etcd that k0s runs"}},
		"StorageSame":     {before: external, after: external},
		"Pods": {
			`{}`,
			network(`"podCIDR":"10.1.0.0/16"`),
			[]string{"spec.network.podCIDR cannot change from 10.244.0.0/16 to 10.1.0.0/16", "set it back"},
		},
		"Services": {`{}`, network(`"serviceCIDR":"10.1.0.0/16"`), []string{"spec.network.serviceCIDR cannot change"}},
		"Domain": {
			`{}`,
			network(`"clusterDomain":"zoo.local"`),
			[]string{"spec.network.clusterDomain cannot change"},
		},
		"Provider": {
			network(`"provider":"calico"`),
			`{}`,
			[]string{"spec.network.provider cannot change from calico to kuberouter"},
		},
		"SecondPods": {
			`{}`,
			network(`"dualStack":{"IPv6podCIDR":"fd00::/108"}`),
			[]string{"IPv6podCIDR cannot change from nothing to fd00::/108"},
		},
		"SecondServices": {
			`{}`,
			network(`"dualStack":{"IPv6serviceCIDR":"fd00::/108"}`),
			[]string{"IPv6serviceCIDR cannot change"},
		},
		"Learners": {
			`{}`,
			learners("5"),
			[]string{"max-learners cannot change from nothing to 5", "every member of etcd"},
		},
		"LearnersRemoved": {learners("5"), `{}`, []string{"max-learners cannot change from 5 to nothing"}},
		"OtherArguments":  {before: `{}`, after: `{"spec":{"storage":{"etcd":{"extraArgs":{"a":"b"}}}}}`},
		"OtherNetwork":    {before: `{}`, after: network(`"kubeProxy":{"mode":"ipvs"}`)},
		"SeveralAtOnce": {
			`{}`,
			`{"spec":{"storage":{"type":"kine"},"network":{"provider":"custom"}}}`,
			[]string{"spec.storage", "spec.network.provider"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changes := desired.ImmutableChanges(document(t, tc.before), document(t, tc.after))
			var told strings.Builder
			for _, change := range changes {
				told.WriteString(change.Path + ": " + change.Message + "\n")
			}
			assert.Equal(t, tc.want == nil, len(changes) == 0, told.String())
			for _, word := range tc.want {
				assert.Contains(t, told.String(), word)
			}
		})
	}
}

// TestCheckImmutable: what a running controller was made with holds, whoever changes it. What cannot be read is told.
func TestCheckImmutable(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		network clusterv1.ClusterNetwork
		broken  bool
		want    []string
	}{
		"Same": {network: pods("10.1.0.0/16")},
		"Pods": {
			network: pods("10.9.0.0/16"),
			want:    []string{"spec.clusterNetwork", "podCIDR cannot change from 10.1.0.0/16 to 10.9.0.0/16", "set it back"},
		},
		"NoneAnyMore": {
			want: []string{"podCIDR cannot change from 10.1.0.0/16 to 10.244.0.0/16", "serviceCIDR cannot change"},
		},
		"SecondFamily": {
			network: clusterv1.ClusterNetwork{
				Pods:     clusterv1.NetworkRanges{CIDRBlocks: []string{"10.1.0.0/16", "fd01::/108"}},
				Services: clusterv1.NetworkRanges{CIDRBlocks: []string{"10.2.0.0/16", "fd02::/108"}},
			},
			want: []string{"IPv6podCIDR cannot change from nothing to fd01::/108"},
		},
		"Unreadable": {network: pods("10.1.0.0/16"), broken: true, want: []string{"K0sControllerConfig m1"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := facts(version, "")
			f.Cluster.Spec.ClusterNetwork = pods("10.1.0.0/16")
			made, err := desired.NewConfiguration(f, "5")
			require.NoError(t, err)
			running, err := desired.ControllerConfig(f, "m1", bootstrapv1.ControllerRoleFirst, made)
			require.NoError(t, err)
			if tc.broken {
				running.Spec.K0s.Raw = []byte("{")
			}

			f.Cluster.Spec.ClusterNetwork = tc.network
			wanted, err := desired.NewConfiguration(f, "5")
			require.NoError(t, err)
			err = desired.CheckImmutable(running, wanted)
			if tc.want == nil {
				require.NoError(t, err)
				return
			}
			for _, word := range tc.want {
				require.ErrorContains(t, err, word)
			}
		})
	}
}

// pods is a network with one range of pods, and always the same one of services.
func pods(block string) clusterv1.ClusterNetwork {
	return clusterv1.ClusterNetwork{
		Pods:     clusterv1.NetworkRanges{CIDRBlocks: []string{block}},
		Services: clusterv1.NetworkRanges{CIDRBlocks: []string{"10.2.0.0/16"}},
	}
}
