// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package workerimages

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/rootfs"
)

// TestBuild builds the real archive and runs kube-proxy's iptables from nothing but its image.
func TestBuild(t *testing.T) {
	ctx := t.Context()
	paths, err := layout.Default("")
	require.NoError(t, err)
	root, err := rootfs.Ensure(ctx, paths.Cache, os.Stderr)
	require.NoError(t, err)
	archive, err := Ensure(ctx, paths.Images(), root, DefaultPrograms(paths))
	require.NoError(t, err)
	t.Log(archive)

	dir := t.TempDir()
	require.NoError(t, command.Run(
		ctx,
		"sh",
		"-c",
		`cd "$1" && tar -xf "$2" && for blob in blobs/sha256/*; do tar -C "$1" -xf "$blob" 2>/dev/null || true; done`,
		"sh",
		dir,
		archive,
	))
	require.NoError(t, command.Run(
		ctx,
		"unshare",
		"--net",
		"chroot",
		dir,
		"/usr/sbin/iptables",
		"-t",
		"nat",
		"-A",
		"OUTPUT",
		"-m",
		"addrtype",
		"--dst-type",
		"LOCAL",
		"-m",
		"comment",
		"--comment",
		"x",
		"-j",
		"MARK",
		"--set-mark",
		"1",
	))
	require.NoError(t, command.Run(ctx, "chroot", dir, "/usr/local/bin/kube-proxy", "--version"))
}
