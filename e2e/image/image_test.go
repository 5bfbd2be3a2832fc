// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/image"
)

const tag = "example.org/lab/manager:v0.1.0"

// line is what a test wants to know of one layer entry.
type line struct {
	Type          byte
	Mode          int64
	UID, GID      int
	Link, Content string
}

func TestWriteRoundTrip(t *testing.T) {
	t.Parallel()
	for kind, compression := range map[string]image.Compression{"Uncompressed": image.Uncompressed, "Gzip": image.Gzip} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			given := sample(t)
			given.Compression = compression
			archive := filepath.Join(t.TempDir(), "image.tar")
			require.NoError(t, image.Write(archive, given))

			for reader, img := range map[string]v1.Image{"docker": viaDocker(t, archive, tag), "oci": viaLayout(t, archive)} {
				require.NoError(t, validate.Image(img, validate.Fast), reader)
				assertConfig(t, img)
				assert.Empty(t, cmp.Diff(sampleLines(), layerLines(t, img)), reader)
			}
		})
	}
}

func TestWriteNamesImagesForImporters(t *testing.T) {
	t.Parallel()
	archive := filepath.Join(t.TempDir(), "image.tar")
	require.NoError(t, image.Write(archive, sample(t)))

	index, err := layout.ImageIndexFromPath(unpack(t, archive))
	require.NoError(t, err)
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 1)
	assert.Equal(t, map[string]string{
		"io.containerd.image.name":          tag,
		"org.opencontainers.image.ref.name": "v0.1.0",
	}, manifest.Manifests[0].Annotations)
	assert.Equal(t, types.OCIManifestSchema1, manifest.Manifests[0].MediaType)
	assert.Equal(t, "linux/"+runtime.GOARCH, manifest.Manifests[0].Platform.String())
}

func TestWriteIsDeterministic(t *testing.T) {
	t.Parallel()
	given := sample(t)
	first, second := filepath.Join(t.TempDir(), "a.tar"), filepath.Join(t.TempDir(), "b.tar")
	require.NoError(t, image.Write(first, given))

	later := time.Now().Add(time.Hour)
	require.NoError(t, os.Chtimes(given.Files[0].Source, later, later))
	given.Files[0], given.Files[1] = given.Files[1], given.Files[0]
	require.NoError(t, image.Write(second, given))

	a, err := os.ReadFile(first)
	require.NoError(t, err)
	b, err := os.ReadFile(second)
	require.NoError(t, err)
	assert.Equal(t, a, b)
}

func TestWriteSharesLayers(t *testing.T) {
	t.Parallel()
	one, two := sample(t), sample(t)
	one.Name, two.Name = "example.org/one:v1", "example.org/two:v1"
	archive := filepath.Join(t.TempDir(), "images.tar")
	require.NoError(t, image.Write(archive, one, two))

	blobs, err := os.ReadDir(filepath.Join(unpack(t, archive), "blobs", "sha256"))
	require.NoError(t, err)
	assert.Len(t, blobs, 3, "layer, configuration and manifest are the same for both")
	require.NoError(t, validate.Image(viaDocker(t, archive, one.Name)))
	require.NoError(t, validate.Image(viaDocker(t, archive, two.Name)))
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*image.Image)
		want   string
	}{
		"NameWithoutTag":      {func(i *image.Image) { i.Name = "example.org/manager" }, "reading its name"},
		"NameWithoutRegistry": {func(i *image.Image) { i.Name = "manager:v1" }, "reading its name"},
		"UnknownCompression":  {func(i *image.Image) { i.Compression = "lz4" }, `unknown compression "lz4"`},
		"PathTwice":           {func(i *image.Image) { i.Files = append(i.Files, i.Files[0]) }, "it is there already"},
		"PathTwiceUnclean": {
			func(i *image.Image) { i.Files = append(i.Files, image.File{Path: "manager/../manager"}) },
			"it is there already",
		},
		"EmptyPath": {
			func(i *image.Image) { i.Files = append(i.Files, image.File{Path: "/"}) },
			"a path is empty",
		},
		"TwoContents": {
			func(i *image.Image) { i.Files[0].Link = "/x" },
			"only one of Source, Content and Link",
		},
		"MissingSource": {func(i *image.Image) { i.Files[0].Source = "/no/such/file" }, "no such file"},
		"SourceIsNotAFileType": {
			func(i *image.Image) { i.Files[0].Source = "/dev/null" },
			"is neither file, directory nor symbolic link",
		},
	}
	for fault, test := range tests {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			given := sample(t)
			test.change(&given)
			archive := filepath.Join(t.TempDir(), "image.tar")

			assert.ErrorContains(t, image.Write(archive, given), test.want)
			left, err := os.ReadDir(filepath.Dir(archive))
			require.NoError(t, err)
			assert.Empty(t, left, "a refused image leaves no file")
		})
	}
	assert.ErrorContains(t, image.Write(filepath.Join(t.TempDir(), "image.tar")), "no images given")
}

func TestWriteKeepsTheOldArchiveOnFailure(t *testing.T) {
	t.Parallel()
	archive := filepath.Join(t.TempDir(), "image.tar")
	require.NoError(t, os.WriteFile(archive, []byte("old"), 0o600))
	broken := sample(t)
	broken.Files[0].Source = "/no/such/file"

	require.Error(t, image.Write(archive, broken))
	content, err := os.ReadFile(archive)
	require.NoError(t, err)
	assert.Equal(t, "old", string(content))
}

func sample(t *testing.T) image.Image {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "manager")
	require.NoError(t, os.WriteFile(binary, []byte("binary"), 0o755))
	tree := filepath.Join(dir, "tree")
	require.NoError(t, os.MkdirAll(filepath.Join(tree, "inner"), 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(tree, "inner", "leaf"), []byte("leaf"), 0o600))
	require.NoError(t, os.Symlink("inner/leaf", filepath.Join(tree, "link")))
	return image.Image{
		Name: tag,
		Files: []image.File{
			{Path: "/manager", Source: binary},
			{Path: "/etc/passwd", Content: []byte("nobody")},
			{Path: "/bin/sh", Link: "busybox"},
			{Path: "/opt/tree", Source: tree},
			{Path: "/secret", Content: []byte("s"), Mode: 0o400, UID: 65532, GID: 65533},
		},
		Dirs:       []image.Dir{{Path: "/tmp", Mode: os.ModeSticky | 0o777}},
		Entrypoint: []string{"/manager"}, Cmd: []string{"--help"}, Env: []string{"A=b"},
		User: "65532:65532", WorkingDir: "/tmp", Labels: map[string]string{"k": "v"},
	}
}

func sampleLines() map[string]line {
	dir := line{Type: tar.TypeDir, Mode: 0o755}
	return map[string]line{
		"manager":             {Type: tar.TypeReg, Mode: 0o755, Content: "binary"},
		"etc/":                dir,
		"etc/passwd":          {Type: tar.TypeReg, Mode: 0o644, Content: "nobody"},
		"bin/":                dir,
		"bin/sh":              {Type: tar.TypeSymlink, Mode: 0o777, Link: "busybox"},
		"opt/":                dir,
		"opt/tree/":           {Type: tar.TypeDir, Mode: 0o750},
		"opt/tree/inner/":     {Type: tar.TypeDir, Mode: 0o750},
		"opt/tree/inner/leaf": {Type: tar.TypeReg, Mode: 0o600, Content: "leaf"},
		"opt/tree/link":       {Type: tar.TypeSymlink, Mode: 0o777, Link: "inner/leaf"},
		"secret":              {Type: tar.TypeReg, Mode: 0o400, UID: 65532, GID: 65533, Content: "s"},
		"tmp/":                {Type: tar.TypeDir, Mode: 0o1777},
	}
}

func assertConfig(t *testing.T, img v1.Image) {
	t.Helper()
	config, err := img.ConfigFile()
	require.NoError(t, err)
	assert.Empty(t, cmp.Diff(v1.Config{
		Entrypoint: []string{"/manager"}, Cmd: []string{"--help"}, Env: []string{"A=b"},
		User: "65532:65532", WorkingDir: "/tmp", Labels: map[string]string{"k": "v"},
	}, config.Config))
	assert.Equal(t, "linux/"+runtime.GOARCH, config.Platform().String())
}

func layerLines(t *testing.T, img v1.Image) map[string]line {
	t.Helper()
	layers, err := img.Layers()
	require.NoError(t, err)
	require.Len(t, layers, 1)
	content, err := layers[0].Uncompressed()
	require.NoError(t, err)
	defer content.Close()

	got := map[string]line{}
	seen := map[string]bool{"./": true}
	for reader := tar.NewReader(content); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		require.NoError(t, err)
		data, err := io.ReadAll(reader)
		require.NoError(t, err)
		assert.True(t, header.ModTime.Equal(time.Unix(0, 0)), header.Name)
		parent := filepath.Dir(strings.TrimSuffix(header.Name, "/")) + "/"
		assert.Truef(t, seen[parent], "%s comes before its parent", header.Name)
		seen[header.Name] = true
		got[header.Name] = line{header.Typeflag, header.Mode, header.Uid, header.Gid, header.Linkname, string(data)}
	}
}

// viaDocker reads the archive the way `docker load` does.
func viaDocker(t *testing.T, archive, reference string) v1.Image {
	t.Helper()
	parsed, err := name.NewTag(reference)
	require.NoError(t, err)
	img, err := tarball.ImageFromPath(archive, &parsed)
	require.NoError(t, err)
	return img
}

// viaLayout reads the archive the way containerd does.
func viaLayout(t *testing.T, archive string) v1.Image {
	t.Helper()
	index, err := layout.ImageIndexFromPath(unpack(t, archive))
	require.NoError(t, err)
	require.NoError(t, validate.Index(index, validate.Fast))
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	img, err := index.Image(manifest.Manifests[0].Digest)
	require.NoError(t, err)
	return img
}

func unpack(t *testing.T, archive string) string {
	t.Helper()
	file, err := os.Open(archive)
	require.NoError(t, err)
	defer file.Close()
	dir := t.TempDir()
	for reader := tar.NewReader(file); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		require.NoError(t, err)
		data, err := io.ReadAll(reader)
		require.NoError(t, err)
		target := filepath.Join(dir, filepath.FromSlash(header.Name))
		require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o750))
		require.NoError(t, os.WriteFile(target, data, 0o600))
		if digest, isBlob := strings.CutPrefix(header.Name, "blobs/sha256/"); isBlob {
			require.Equal(t, digest, fmt.Sprintf("%x", sha256.Sum256(data)), "a blob goes by its hash")
		}
	}
}
