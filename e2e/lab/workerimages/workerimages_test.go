// SPDX-License-Identifier: Apache-2.0

package workerimages

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/image"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

const listing = `	linux-vdso.so.1 (0x00007ffdde9b6000)
	libmnl.so.0 => /lib/x86_64-linux-gnu/libmnl.so.0 (0x00007f5e4b0d5000)
	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f5e4aef4000)
	/lib64/ld-linux-x86-64.so.2 (0x00007f5e4b12f000)
`

func TestParseLibrariesLeavesOutWhatIsNoFile(t *testing.T) {
	assert.Equal(t, []string{
		"/lib/x86_64-linux-gnu/libmnl.so.0", "/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2",
	}, parseLibraries(listing))
	assert.Empty(t, parseLibraries("	not a dynamic executable\n"))
}

func TestAssembleTakesLibrariesFromWhereTheyReallyAre(t *testing.T) {
	files := assemble("/root", "/usr/lib/x/xtables", []string{"/lib64/ld.so"}, []string{"/usr/lib/x/ld-2.36.so"})
	assert.Contains(t, files, image.File{Path: "/lib64/ld.so", Source: "/root/usr/lib/x/ld-2.36.so"})
	assert.Contains(t, files, image.File{Path: "/usr/sbin/iptables-restore", Link: "xtables-nft-multi"})
}

func TestImagesCanBeImportedUnderK0sNames(t *testing.T) {
	programs := built(t)
	archive := filepath.Join(t.TempDir(), "images.tar")
	require.NoError(t, image.Write(archive, describe(programs, nil)...))

	for reference, want := range map[string]struct {
		entrypoint []string
		user       string
	}{
		Pause:     {[]string{"/pause"}, nobody},
		Agent:     {[]string{"/proxy-agent"}, nobody},
		CoreDNS:   {[]string{"/coredns"}, nobody},
		Hello:     {[]string{"/hello"}, nobody},
		KubeProxy: {nil, ""}, // privileged, and its pod names the program
	} {
		tag, err := name.NewTag(reference, name.StrictValidation)
		require.NoError(t, err)
		img, err := tarball.ImageFromPath(archive, &tag)
		require.NoError(t, err, reference)
		config, err := img.ConfigFile()
		require.NoError(t, err)
		assert.Equal(t, want.entrypoint, config.Config.Entrypoint, reference)
		assert.Equal(t, want.user, config.Config.User, reference)
	}
}

func TestArchiveNameFollowsThePrograms(t *testing.T) {
	programs := built(t)
	first, err := archiveName(describe(programs, nil))
	require.NoError(t, err)
	again, err := archiveName(describe(programs, nil))
	require.NoError(t, err)
	assert.Equal(t, first, again)

	later := time.Now().Add(time.Hour)
	require.NoError(t, os.Chtimes(programs.CoreDNS, later, later))
	changed, err := archiveName(describe(programs, nil))
	require.NoError(t, err)
	assert.NotEqual(t, first, changed)
}

func TestAProgramThatIsMissingIsNamed(t *testing.T) {
	programs := built(t)
	programs.Agent = filepath.Join(t.TempDir(), "proxy-agent")
	_, err := archiveName(describe(programs, nil))
	require.ErrorContains(t, err, "proxy-agent has not been built")
}

func TestMachinesUseTheSamePauseImage(t *testing.T) {
	config, err := os.ReadFile("../rootfs/files/etc/k0s/containerd.toml")
	require.NoError(t, err)
	assert.Contains(t, string(config), `sandbox_image = "`+Pause+`"`)
}

func TestDefaultProgramsAreThoseOfTheCache(t *testing.T) {
	programs := DefaultPrograms(layout.Paths{Cache: "/cache"})
	assert.Equal(t, "/cache/bin/kubernetes-v1.36.3+k0s/kube-proxy", programs.KubeProxy)
	assert.Equal(t, "/cache/bin/konnectivity-v0.36.0/proxy-agent", programs.Agent)
}

func built(t *testing.T) Programs {
	t.Helper()
	dir := t.TempDir()
	path := func(program string) string {
		file := filepath.Join(dir, program)
		require.NoError(t, os.WriteFile(file, []byte(program), 0o600))
		return file
	}
	return Programs{
		Pause: path(
			"pause",
		),
		Agent:     path("proxy-agent"),
		CoreDNS:   path("coredns"),
		KubeProxy: path("kube-proxy"),
		Hello:     path("hello"),
	}
}
