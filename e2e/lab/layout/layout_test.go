// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEverythingIsBelowItsDirectory(t *testing.T) {
	t.Parallel()
	p := Paths{State: "/state", Run: "/run", Cache: "/cache", Repo: "/repo"}
	for _, path := range []string{
		p.Kubeconfig(), p.Logs(), p.AuditLog(), p.PKI(), p.Config(), p.Volumes(), p.ClusterctlConfig(), p.Repository(),
		p.Balancers(),
	} {
		assert.True(t, strings.HasPrefix(path, "/state/"), path)
	}
	for _, path := range []string{p.ContainerdSocket(), p.MountNamespace()} {
		assert.True(t, strings.HasPrefix(path, "/run/"), path)
	}
	assert.Equal(t, "/cache/bin/kubernetes-"+KubernetesVersion+"/kubelet", p.Kubernetes("kubelet"))
}

func TestWriteTouchesOnlyWhatChanges(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "file")
	require.NoError(t, Write(path, []byte("one"), 0o600))
	old := time.Unix(1000, 0)
	require.NoError(t, os.Chtimes(path, old, old))

	require.NoError(t, Write(path, []byte("one"), 0o600))
	assert.True(t, modified(t, path).Equal(old))
	require.NoError(t, Write(path, []byte("two"), 0o600))
	assert.False(t, modified(t, path).Equal(old))
}

func modified(t *testing.T, path string) time.Time {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.ModTime()
}
