// SPDX-License-Identifier: Apache-2.0

package k0s

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

func TestFindTakesTheGivenBinary(t *testing.T) {
	for name, test := range map[string]struct{ says, failure string }{
		"RightVersion": {says: Version},
		"WrongVersion": {says: "v1.35.0+k0s.0", failure: "the lab needs " + Version},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "k0s")
			require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\necho "+test.says+"\n"), 0o755))
			t.Setenv(Variable, path)
			binary, err := Find(t.Context(), layout.Paths{})
			if test.failure != "" {
				require.ErrorContains(t, err, test.failure)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, path, binary.Path)
			assert.Contains(t, binary.Origin, Variable)
		})
	}
}

func TestNextIsOfAnotherRelease(t *testing.T) {
	t.Setenv(NextVariable, "")
	_, found, err := Next(t.Context())
	require.NoError(t, err)
	assert.False(t, found)

	for name, test := range map[string]struct{ says, failure string }{
		"Another": {says: "v1.36.3+k0s.3"},
		"TheSame": {says: Version, failure: "name another release"},
		"Broken":  {failure: "asking K0S_NEXT_BINARY="},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "k0s")
			if test.says != "" {
				require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\necho "+test.says+"\n"), 0o755))
			}
			t.Setenv(NextVariable, path)
			next, found, err := Next(t.Context())
			if test.failure != "" {
				require.ErrorContains(t, err, test.failure)
				return
			}
			require.NoError(t, err)
			assert.True(t, found)
			assert.Equal(t, test.says, next.Version)
			assert.Equal(t, path, next.Path)
		})
	}
}

func TestOfficial(t *testing.T) {
	content := "a binary"
	sum := sha256.Sum256([]byte(content))
	right := hex.EncodeToString(sum[:])
	for name, test := range map[string]struct{ published, failure string }{
		"ChecksumHolds": {published: right},
		"ChecksumWrong": {published: strings.Repeat("0", 64), failure: "published is 000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			mux.HandleFunc("/sha256sums.txt", func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte("ffff *another\n" + test.published + " *k0s-" + Version + "-amd64\n"))
			})
			mux.HandleFunc("/k0s-"+Version+"-amd64", func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(content))
			})
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			dir := t.TempDir()
			a := artifact{base: server.URL, name: "k0s-" + Version + "-amd64"}

			binary, err := official(t.Context(), a, dir)
			if test.failure != "" {
				require.ErrorContains(t, err, test.failure)
				assert.NoFileExists(t, filepath.Join(dir, a.name))
				return
			}
			require.NoError(t, err)
			got, err := os.ReadFile(binary.Path)
			require.NoError(t, err)
			assert.Equal(t, content, string(got))

			server.Close()
			_, err = official(t.Context(), a, dir)
			require.NoError(t, err, "what is there is not fetched again")
		})
	}
}

func TestOfficialOutOfReach(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := official(t.Context(), artifact{base: server.URL, name: "k0s"}, t.TempDir())
	require.ErrorIs(t, err, errUnreachable)
}

func TestImagesNameWhatTheManifestsName(t *testing.T) {
	t.Parallel()
	images := Images(layout.Paths{Cache: "/cache"}, Binary{Path: "/k0s"})
	require.Len(t, images, 2)
	assert.Equal(t, "ghcr.io/k0sproject/k0s:v1.36.3-k0s.2", images[0].Name)
	assert.Equal(t, "quay.io/coreos/etcd:v3.6.14", images[1].Name)
}
