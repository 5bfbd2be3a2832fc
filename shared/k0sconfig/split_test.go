// SPDX-License-Identifier: Apache-2.0

package k0sconfig_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/shared/k0sconfig"
)

// place says in which of the two documents a key belongs.
type place struct{ file, cluster bool }

var (
	inFile    = place{file: true}
	inCluster = place{cluster: true}
	inBoth    = place{file: true, cluster: true}
)

// places is every key that we know to matter, with a value that k0s accepts.
func places() map[string]struct {
	place
	value any
} {
	type entry = struct {
		place
		value any
	}
	text := map[string]any{"flag": "value"}
	return map[string]entry{
		"spec.api.address":                       {inFile, "10.0.0.1"},
		"spec.api.ca":                            {inFile, map[string]any{"expiresAfter": "87600h"}},
		"spec.api.externalAddress":               {inFile, "api.example.com"},
		"spec.api.extraArgs":                     {inFile, text},
		"spec.api.k0sApiPort":                    {inFile, int64(9443)},
		"spec.api.onlyBindToAddress":             {inFile, true},
		"spec.api.port":                          {inFile, int64(6443)},
		"spec.api.rawArgs":                       {inFile, []any{"--v=1"}},
		"spec.api.sans":                          {inFile, []any{"a.example.com"}},
		"spec.controllerManager.extraArgs":       {inCluster, text},
		"spec.scheduler.extraArgs":               {inCluster, text},
		"spec.storage.type":                      {inFile, "etcd"},
		"spec.storage.etcd.peerAddress":          {inFile, "10.0.0.1"},
		"spec.storage.etcd.extraArgs":            {inFile, text},
		"spec.network.provider":                  {inBoth, "calico"},
		"spec.network.podCIDR":                   {inBoth, "10.244.0.0/16"},
		"spec.network.serviceCIDR":               {inFile, "10.96.0.0/12"},
		"spec.network.clusterDomain":             {inFile, "cluster.local"},
		"spec.network.primaryAddressFamily":      {inFile, "IPv4"},
		"spec.network.controlPlaneLoadBalancing": {inFile, map[string]any{"enabled": false}},
		"spec.network.dualStack":                 {inBoth, map[string]any{"enabled": false}},
		"spec.network.kubeProxy":                 {inCluster, map[string]any{"mode": "ipvs"}},
		"spec.network.kuberouter":                {inCluster, map[string]any{"autoMTU": true}},
		"spec.network.calico":                    {inCluster, map[string]any{"mode": "vxlan"}},
		"spec.network.coreDNS":                   {inCluster, map[string]any{"patches": []any{}}},
		"spec.network.nodeLocalLoadBalancing":    {inCluster, map[string]any{"enabled": false}},
		"spec.konnectivity.agentPort":            {inBoth, int64(8132)},
		"spec.konnectivity.adminPort":            {inBoth, int64(8133)},
		"spec.konnectivity.externalAddress":      {inBoth, "konnectivity.example.com"},
		"spec.workerProfiles":                    {inCluster, []any{map[string]any{"name": "a", "values": map[string]any{}}}},
		"spec.featureGates":                      {inBoth, []any{map[string]any{"name": "A", "enabled": true}}},
		"spec.extensions":                        {inCluster, map[string]any{"helm": map[string]any{}}},
		"spec.images":                            {inCluster, map[string]any{"repository": "r.example.com"}},
		"spec.installConfig":                     {inFile, map[string]any{"users": map[string]any{"etcdUser": "etcd"}}},
		"spec.telemetry":                         {inCluster, map[string]any{"enabled": false}},
		"spec.metricsServer":                     {inCluster, map[string]any{"patches": []any{}}},
	}
}

func at(document map[string]any, path string) (any, bool) {
	keys := strings.Split(path, ".")
	value, found := objectAt(document, keys[:len(keys)-1]...)[keys[len(keys)-1]]
	return value, found
}

func set(document map[string]any, path string, value any) {
	keys := strings.Split(path, ".")
	for _, key := range keys[:len(keys)-1] {
		next, _ := document[key].(map[string]any)
		if next == nil {
			next = map[string]any{}
			document[key] = next
		}
		document = next
	}
	document[keys[len(keys)-1]] = value
}

// TestPlaceOfEveryKey: each key alone, and unchanged, where it belongs.
func TestPlaceOfEveryKey(t *testing.T) {
	t.Parallel()
	for path, want := range places() {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			user := map[string]any{}
			set(user, path, want.value)
			config, err := k0sconfig.Effective(user, k0sconfig.Facts{Version: version(t, "v1.36.3")})
			require.NoError(t, err)
			inFile, isInFile := at(config.NodeLocal, path)
			inCluster, isInCluster := at(config.ClusterWide, path)
			assert.Equal(t, want.place, place{isInFile, isInCluster})
			for _, value := range []any{inFile, inCluster} {
				if value != nil {
					assert.Empty(t, cmp.Diff(want.value, value))
				}
			}
		})
	}
}

// TestPlaceOfAllKeys: the same with every key at once.
func TestPlaceOfAllKeys(t *testing.T) {
	t.Parallel()
	user := map[string]any{}
	for path, want := range places() {
		set(user, path, want.value)
	}
	config, err := k0sconfig.Effective(user, k0sconfig.Facts{Version: version(t, "v1.36.3")})
	require.NoError(t, err)
	for path, want := range places() {
		_, isInFile := at(config.NodeLocal, path)
		_, isInCluster := at(config.ClusterWide, path)
		assert.Equal(t, want.place, place{isInFile, isInCluster}, path)
	}
}

// TestClusterWideChangesRollNothing is what the cut is for: a user's change to
// a key that lives in the cluster leaves k0s.yaml as it is, to the byte.
func TestClusterWideChangesRollNothing(t *testing.T) {
	t.Parallel()
	facts := k0sconfig.Facts{Version: version(t, "v1.36.3")}
	etcdFacts(&facts)
	base, err := k0sconfig.Effective(nil, facts)
	require.NoError(t, err)
	before, err := base.NodeLocalYAML()
	require.NoError(t, err)
	for path, want := range places() {
		if want.place != inCluster {
			continue
		}
		user := map[string]any{}
		set(user, path, want.value)
		config, err := k0sconfig.Effective(user, facts)
		require.NoError(t, err)
		after, err := config.NodeLocalYAML()
		require.NoError(t, err)
		assert.Equal(t, string(before), string(after), path)
	}
}

// TestNodeLocalChangesAreSeen is the other half: they must roll.
func TestNodeLocalChangesAreSeen(t *testing.T) {
	t.Parallel()
	facts := k0sconfig.Facts{Version: version(t, "v1.36.3")}
	seen := map[string]string{}
	for path, want := range places() {
		if !want.file {
			continue
		}
		user := map[string]any{}
		set(user, path, want.value)
		config, err := k0sconfig.Effective(user, facts)
		require.NoError(t, err)
		fingerprint := hash(t, "v1", config.NodeLocal)
		assert.Empty(t, seen[fingerprint], "%s looks like %s", path, seen[fingerprint])
		seen[fingerprint] = path
	}
}

// TestHead: k0s looks for the object under one name only.
func TestHead(t *testing.T) {
	t.Parallel()
	for name, user := range map[string]string{
		"Nothing":  "{}",
		"Complete": "{apiVersion: k0s.k0sproject.io/v1beta1, kind: ClusterConfig, metadata: {name: k0s, namespace: kube-system}}",
		"Empty":    "{apiVersion: '', kind: '', metadata: {name: ''}, spec: {}}",
		"Nulls":    "{apiVersion: null, metadata: null, spec: null}",
	} {
		config, err := k0sconfig.Effective(document(t, user), k0sconfig.Facts{Version: version(t, "v1.36.3")})
		require.NoError(t, err, name)
		want := "map[apiVersion:k0s.k0sproject.io/v1beta1 kind:ClusterConfig metadata:map[name:k0s%s] spec:map[]]"
		assert.Equal(t, fmt.Sprintf(want, ""), fmt.Sprint(config.NodeLocal), name)
		assert.Equal(t, fmt.Sprintf(want, " namespace:kube-system"), fmt.Sprint(config.ClusterWide), name)
	}
}

// TestNulls: a key that is null is not there, except in lists, whose content
// belongs to others (null is a value for a kubelet's configuration).
func TestNulls(t *testing.T) {
	t.Parallel()
	user := document(t, `
spec:
  api: {port: null, externalAddress: null, sans: null}
  storage: null
  images: {repository: null, coredns: {image: a, version: null}}
  workerProfiles: [{name: a, values: {evictionHard: null}}]
`)
	facts := k0sconfig.Facts{Version: version(t, "v1.36.3"), ServiceDomain: "cluster.local"}
	etcdFacts(&facts)
	config, err := k0sconfig.Effective(user, facts)
	require.NoError(t, err)
	assert.Empty(t, objectAt(config.NodeLocal, "spec", "api"))
	assert.Equal(
		t,
		map[string]any{"coredns": map[string]any{"image": "a"}},
		objectAt(config.ClusterWide, "spec", "images"),
	)
	profiles, _ := at(config.ClusterWide, "spec.workerProfiles")
	assert.Equal(t, []any{map[string]any{"name": "a", "values": map[string]any{"evictionHard": nil}}}, profiles)
}
