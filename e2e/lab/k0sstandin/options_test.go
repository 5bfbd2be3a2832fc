// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/clusterconfig"
)

// A controller joins where k0s would, and that is refused.
func TestOnlyTheFirstControllerOfAClusterRuns(t *testing.T) {
	t.Parallel()
	placed, used := []string{"pki/ca.crt", "pki/ca.key"}, []string{"etcd/member/snap/db"}
	for name, c := range map[string]struct {
		storage clusterconfig.Storage
		token   string
		files   []string
		joins   bool
	}{
		"no token":                      {storage: clusterconfig.Storage{Type: "etcd"}},
		"a token":                       {storage: clusterconfig.Storage{Type: "etcd"}, token: "t", joins: true},
		"a token beside placed CAs":     {storage: clusterconfig.Storage{Type: "etcd"}, token: "t", files: placed, joins: true},
		"a token that was used":         {storage: clusterconfig.Storage{Type: "etcd"}, token: "t", files: used},
		"kine with a token":             {storage: clusterconfig.Storage{Type: "kine"}, token: "t", files: []string{"pki/ca.crt"}, joins: true},
		"kine with a token and its CAs": {storage: clusterconfig.Storage{Type: "kine"}, token: "t", files: placed},
		"another etcd with placed CAs": {
			storage: clusterconfig.Storage{Type: "etcd", Etcd: clusterconfig.Etcd{ExternalCluster: &clusterconfig.ExternalCluster{}}},
			token:   "t", files: placed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, file := range c.files {
				require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o700))
				require.NoError(t, os.WriteFile(filepath.Join(dir, file), nil, 0o600))
			}
			options := controllerOptions{dataDir: dir, tokenFile: c.token}
			err := options.check(clusterconfig.Config{Spec: clusterconfig.Spec{Storage: c.storage}})
			if c.joins {
				require.ErrorContains(t, err, "does not join one")
				assert.ErrorContains(t, err, "K0S_BINARY")
				return
			}
			require.NoError(t, err)
		})
	}
}

func TestAKubeletOnAControllerIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "k0s.yaml")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, command := range [][]string{{"controller"}, {"install", "controller"}} {
		_, err := execute(t, append(command, "--config="+file, "--labels=a=b", "--no-taints", "--enable-worker")...)
		require.ErrorContains(t, err, "--enable-worker", "%v", command)
		require.ErrorContains(t, err, "K0S_BINARY", "%v", command)
	}
}
