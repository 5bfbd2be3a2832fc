// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package rootfs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBuild builds the real thing, or finds it in the cache, and looks for what a machine cannot do without.
func TestBuild(t *testing.T) {
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	root, err := Ensure(t.Context(), filepath.Join(cache, "k0smotron"), os.Stderr)
	require.NoError(t, err)

	for _, path := range []string{
		"etc/cloud/cloud.cfg", "etc/k0s/containerd.toml", "usr/sbin/iptables-save",
		"etc/systemd/system/cloud-init.target.wants/cloud-final.service",
		"usr/bin/cloud-init", "usr/bin/containerd", "usr/sbin/runc", "usr/lib/cni/bridge",
	} {
		assert.FileExists(t, filepath.Join(root, path), path)
	}
}
