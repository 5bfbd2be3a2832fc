// SPDX-License-Identifier: Apache-2.0

package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/pki"
)

// needRoot leaves out, for other users, what gives files to k0s's users; checks of a pull request run as root.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("giving files to other users needs root")
	}
}

func newStore(t *testing.T) pki.Store {
	t.Helper()
	return pki.Store{Dir: t.TempDir(), Now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }}
}

var controller = pki.Controller{Server: "https://localhost:6443", Hosts: []string{"kubernetes", "10.96.0.1"}}

func certificate(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	block, _ := pem.Decode(data)
	require.NotNil(t, block)
	parsed, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return parsed
}

func TestEnsureController(t *testing.T) {
	needRoot(t)
	store := newStore(t)
	require.NoError(t, store.EnsureController(controller))
	require.NoError(t, store.EnsureEtcd("etcd.example"))
	require.NoError(t, store.CheckModes(), "what the stand-in makes passes its own check")

	server := certificate(t, store.Path("server.crt"))
	assert.Equal(t, []string{"kubernetes"}, server.DNSNames)
	assert.Equal(t, "10.96.0.1", server.IPAddresses[0].String())
	assert.Equal(t, "kubernetes-ca", server.Issuer.CommonName)
	assert.Equal(t, []string{"system:masters"}, certificate(t, store.Path("admin.crt")).Subject.Organization)
	assert.Equal(t, "etcd.example", certificate(t, store.Path("etcd/peer.crt")).Subject.CommonName)

	config, err := clientcmd.LoadFromFile(store.Path("admin.conf"))
	require.NoError(t, err)
	assert.Equal(t, controller.Server, config.Clusters["local"].Server)
	for name, mode := range map[string]fs.FileMode{
		"admin.conf": 0o600, "konnectivity.conf": 0o640, "ca.key": 0o640, "server.key": 0o640, "server.crt": 0o644, "sa.key": 0o640,
	} {
		info, err := os.Stat(store.Path(name))
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), name)
	}
}

func TestRestartRenewsLeavesAndKeepsAuthorities(t *testing.T) {
	needRoot(t)
	store := newStore(t)
	serials := func() map[string]string {
		require.NoError(t, store.EnsureController(controller))
		require.NoError(t, store.EnsureEtcd("etcd.example"))
		found := map[string]string{}
		require.NoError(t, filepath.WalkDir(store.Dir, func(path string, _ fs.DirEntry, err error) error {
			if strings.HasSuffix(path, ".crt") {
				found[path] = certificate(t, path).SerialNumber.String()
			}
			return err
		}))
		return found
	}
	before, after := serials(), serials()
	require.Len(t, after, len(before))
	for path, serial := range before {
		if strings.HasSuffix(path, "ca.crt") {
			assert.Equal(t, serial, after[path], "%s is an authority", path)
		} else {
			assert.NotEqual(t, serial, after[path], "%s is a leaf", path)
		}
	}
}

func TestLeafOfForeignIssuerIsKept(t *testing.T) {
	needRoot(t)
	store := newStore(t)
	foreign, err := store.EnsureAuthority("foreign", "somebody else")
	require.NoError(t, err)
	cluster, err := store.EnsureAuthority("ca", "kubernetes-ca")
	require.NoError(t, err)
	request := pki.Request{Name: "leaf", CommonName: "leaf"}
	first, err := store.EnsureLeaf(foreign, request)
	require.NoError(t, err)
	second, err := store.EnsureLeaf(cluster, request)
	require.NoError(t, err)
	assert.Equal(t, first, second, "k0s would never renew it")
}

func TestAuthorityMustSign(t *testing.T) {
	needRoot(t)
	store := newStore(t)
	authority, err := store.EnsureAuthority("ca", "kubernetes-ca")
	require.NoError(t, err)
	pair, err := store.EnsureLeaf(authority, pki.Request{Name: "front-proxy-ca", CommonName: "no authority"})
	require.NoError(t, err)
	_, err = tls.X509KeyPair(pair.Certificate, pair.Key)
	require.NoError(t, err)
	_, err = store.EnsureAuthority("front-proxy-ca", "kubernetes-front-proxy-ca")
	require.ErrorContains(t, err, "not a certificate authority")
}

func TestCheckModes(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(path string) error
		message string
	}{
		"owner only":      {func(path string) error { return os.WriteFile(path, nil, 0o600) }, ""},
		"owner and group": {func(path string) error { return os.Chmod(path, 0o640) }, ""},
		"everybody":       {func(path string) error { return os.Chmod(path, 0o644) }, "mode 0644"},
		"executable":      {func(path string) error { return os.Chmod(path, 0o700) }, "mode 0700"},
		"link":            {func(path string) error { return os.Rename(path, path+".real") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			store := newStore(t)
			path := store.Path("ca.key")
			require.NoError(t, os.WriteFile(path, nil, 0o600))
			require.NoError(t, test.prepare(path))
			if name == "link" {
				require.NoError(t, os.Symlink(path+".real", path))
				test.message = "regular file"
			}
			err := store.CheckModes()
			if test.message == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.message)
			}
		})
	}
	assert.NoError(t, pki.Store{Dir: filepath.Join(t.TempDir(), "missing")}.CheckModes())
}
