// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"
	testingclock "k8s.io/utils/clock/testing"
)

func now() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

func load(t *testing.T, dir string) *Authority {
	t.Helper()
	authority, err := Load(dir, testingclock.NewFakePassiveClock(now()))
	require.NoError(t, err)
	return authority
}

func verify(t *testing.T, a *Authority, name string, usage x509.ExtKeyUsage) *x509.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(a.CertFile(name), a.KeyFile(name))
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(pair.Certificate[0])
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(a.certificate)
	_, err = certificate.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now(), KeyUsages: []x509.ExtKeyUsage{usage}})
	require.NoError(t, err)
	return certificate
}

func TestEnsureSignsForPurpose(t *testing.T) {
	t.Parallel()
	a := load(t, t.TempDir())
	require.NoError(t, a.Ensure("server", Subject{Name: "server", Hosts: []string{"10.0.0.1", "name"}}))
	require.NoError(t, a.Ensure("client", Subject{Name: "who", Groups: []string{"system:masters"}}))

	server := verify(t, a, "server", x509.ExtKeyUsageServerAuth)
	require.NoError(t, server.VerifyHostname("name"))
	require.NoError(t, server.VerifyHostname("10.0.0.1"))
	require.Error(t, server.VerifyHostname("other"))

	client := verify(t, a, "client", x509.ExtKeyUsageClientAuth)
	assert.Equal(t, "who", client.Subject.CommonName)
	assert.Equal(t, []string{"system:masters"}, client.Subject.Organization)
}

func TestWhatExistsIsKept(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pki")
	first := load(t, dir)
	require.NoError(t, first.Ensure("a", Subject{Name: "a"}))
	require.NoError(t, first.EnsureKey("k"))
	before := contents(t, dir)

	second := load(t, dir)
	require.NoError(t, second.Ensure("a", Subject{Name: "another"}))
	require.NoError(t, second.EnsureKey("k"))
	assert.Equal(t, before, contents(t, dir))
	assert.Len(t, before, 5)
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	found := map[string]string{}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		require.NoError(t, err)
		found[entry.Name()] = string(content)
	}
	return found
}

func TestKeysAreForRootAlone(t *testing.T) {
	t.Parallel()
	a := load(t, t.TempDir())
	info, err := os.Stat(a.KeyFile("ca"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestEnsureKubeconfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := load(t, dir)
	path := filepath.Join(dir, "kubeconfig")
	require.NoError(t, a.EnsureKubeconfig(path, "https://host:6443", "admin", Subject{Name: "admin"}))
	config, err := clientcmd.BuildConfigFromFlags("", path)
	require.NoError(t, err)
	assert.Equal(t, "https://host:6443", config.Host)
	_, err = tls.X509KeyPair(config.CertData, config.KeyData)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestLoadRefusesABrokenAuthority(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ca.crt"), []byte("nonsense"), 0o600))
	_, err := Load(dir, testingclock.NewFakePassiveClock(now()))
	assert.ErrorContains(t, err, "no PEM block")
}
