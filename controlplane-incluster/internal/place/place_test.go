// SPDX-License-Identifier: Apache-2.0

package place_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/place"
)

// files are what a control plane pod is given, and the mode that each must have.
var files = map[string]fs.FileMode{
	"k0s.yaml":                      0o600,
	"authentication.yaml":           0o644,
	"pki/ca.crt":                    0o644,
	"pki/ca.key":                    0o640,
	"pki/sa.pub":                    0o644,
	"pki/sa.key":                    0o640,
	"pki/front-proxy-ca.crt":        0o644,
	"pki/front-proxy-ca.key":        0o640,
	"pki/etcd-ca.crt":               0o644,
	"pki/apiserver-etcd-client.crt": 0o644,
	"pki/apiserver-etcd-client.key": 0o640,
}

// volume makes a projected volume as the kubelet does: files in a hidden folder, links to it, and links to those.
func volume(t *testing.T, suffix string) string {
	t.Helper()
	dir := t.TempDir()
	fill(t, dir, "..2030_01_01", suffix)
	require.NoError(t, os.Symlink("..2030_01_01", filepath.Join(dir, "..data")))
	for _, name := range []string{"k0s.yaml", "authentication.yaml", "pki"} {
		require.NoError(t, os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
	}
	return dir
}

func fill(t *testing.T, dir, version, suffix string) {
	t.Helper()
	for name := range files {
		path := filepath.Join(dir, version, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(name+suffix), 0o400))
	}
}

// placed checks that everything is there, with its mode, and nothing else.
func placed(t *testing.T, to, suffix string) {
	t.Helper()
	seen := 0
	require.NoError(t, filepath.WalkDir(to, func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		if entry.IsDir() {
			return nil
		}
		name, err := filepath.Rel(to, path)
		require.NoError(t, err)
		require.Contains(t, files, name)
		info, err := os.Lstat(path)
		require.NoError(t, err)
		assert.Equal(t, files[name], info.Mode(), name)
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, name+suffix, string(content))
		seen++
		return nil
	}))
	assert.Len(t, files, seen)
}

func TestFirstStart(t *testing.T) {
	t.Parallel()
	to := filepath.Join(t.TempDir(), "data")
	require.NoError(t, place.Files(volume(t, ""), to))
	placed(t, to, "")
	for path, mode := range map[string]fs.FileMode{"": 0o755, "pki": 0o751} {
		info, err := os.Stat(filepath.Join(to, path))
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), path)
	}
}

// TestUmask: modes do not depend on it. It belongs to the whole process, so this test runs alone.
func TestUmask(t *testing.T) { // See above.
	before := syscall.Umask(0o077)
	t.Cleanup(func() { syscall.Umask(before) })
	to := filepath.Join(t.TempDir(), "data")
	require.NoError(t, place.Files(volume(t, ""), to))
	placed(t, to, "")
	info, err := os.Stat(filepath.Join(to, "pki"))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o751), info.Mode().Perm())
}

// TestRestart: k0s has been here. It has given keys to users of its own, tightened modes and added files; what we placed
// is replaced by what is current, and what k0s added stays.
func TestRestart(t *testing.T) {
	t.Parallel()
	to := filepath.Join(t.TempDir(), "data")
	require.NoError(t, place.Files(volume(t, ""), to))
	for _, name := range []string{"pki/ca.key", "pki/sa.key", "pki/apiserver-etcd-client.key", "k0s.yaml"} {
		path := filepath.Join(to, name)
		require.NoError(t, os.Chmod(path, 0o400))
		if os.Geteuid() == 0 {
			require.NoError(t, os.Chown(path, 101, 0))
		}
	}
	added := filepath.Join(to, "pki", "server.key")
	require.NoError(t, os.WriteFile(added, []byte("of k0s"), 0o600))

	require.NoError(t, place.Files(volume(t, " renewed"), to))
	content, err := os.ReadFile(added)
	require.NoError(t, err)
	assert.Equal(t, "of k0s", string(content))
	require.NoError(t, os.Remove(added))
	placed(t, to, " renewed")
	if os.Geteuid() == 0 {
		info, err := os.Stat(filepath.Join(to, "pki/ca.key"))
		require.NoError(t, err)
		assert.Zero(t, info.Sys().(*syscall.Stat_t).Uid, "k0s finds its files as at the first start")
	}
}

// TestInterrupted: a crash in the middle leaves a part behind, which is no obstacle and nothing that k0s reads.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	to := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.MkdirAll(filepath.Join(to, "pki"), 0o751))
	require.NoError(t, os.WriteFile(filepath.Join(to, "pki/ca.key.part"), []byte("half"), 0o600))
	require.NoError(t, place.Files(volume(t, ""), to))
	placed(t, to, "")
}

// TestFolderKeepsItsMode: k0s sets the modes of folders at every start.
func TestFolderKeepsItsMode(t *testing.T) {
	t.Parallel()
	to := t.TempDir()
	require.NoError(t, os.Chmod(to, 0o700))
	require.NoError(t, place.Files(volume(t, ""), to))
	info, err := os.Stat(to)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
}

func TestProblems(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(outside, []byte("not ours"), 0o600))
	cases := map[string]struct {
		from func(t *testing.T) string
		to   func(t *testing.T) string
		want string
	}{
		"NothingToPlace": {from: emptyFolder, to: emptyFolder, want: "nothing to place"},
		"NoSource": {
			from: func(*testing.T) string { return "/does/not/exist" }, to: emptyFolder, want: "/does/not/exist",
		},
		"TargetIsAFile": {
			from: func(t *testing.T) string { t.Helper(); return volume(t, "") },
			to: func(t *testing.T) string {
				t.Helper()
				file := filepath.Join(t.TempDir(), "file")
				require.NoError(t, os.WriteFile(file, nil, 0o600))
				return file
			},
			want: "placing",
		},
		"LinkOutOfTheVolume": {
			from: func(t *testing.T) string {
				t.Helper()
				dir := t.TempDir()
				require.NoError(t, os.Symlink(outside, filepath.Join(dir, "k0s.yaml")))
				return dir
			},
			to: emptyFolder, want: "k0s.yaml",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, place.Files(tc.from(t), tc.to(t)), tc.want)
		})
	}
}

func emptyFolder(t *testing.T) string {
	t.Helper()
	return t.TempDir()
}
