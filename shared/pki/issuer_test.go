// SPDX-License-Identifier: Apache-2.0

package pki_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/util/keyutil"

	"github.com/k0smotron/k0smotron/shared/pki"
)

func TestPurposes(t *testing.T) {
	t.Parallel()
	type facts struct{ suffix, name, cert, key string }
	want := map[pki.Purpose]facts{
		pki.KubernetesCA:   {"ca", "kubernetes-ca", "ca.crt", "ca.key"},
		pki.EtcdCA:         {"etcd", "etcd-ca", "etcd/ca.crt", "etcd/ca.key"},
		pki.FrontProxyCA:   {"proxy", "kubernetes-front-proxy-ca", "front-proxy-ca.crt", "front-proxy-ca.key"},
		pki.ServiceAccount: {"sa", "", "sa.pub", "sa.key"},
	}
	require.Len(t, pki.Purposes(), len(want))
	for _, purpose := range pki.Purposes() {
		files := purpose.Files()
		got := facts{string(purpose), purpose.CommonName(), files.Cert, files.Key}
		assert.Equal(t, want[purpose], got)
		assert.Equal(t, purpose.IsCA(), got.name != "")
	}
}

func TestGeneratedCA(t *testing.T) {
	t.Parallel()
	for _, purpose := range []pki.Purpose{pki.KubernetesCA, pki.EtcdCA, pki.FrontProxyCA} {
		t.Run(string(purpose), func(t *testing.T) {
			t.Parallel()
			pair := newPair(t, purpose)
			certificate := certificateOf(t, pair)
			assert.Equal(t, "CN="+purpose.CommonName(), certificate.Subject.String())
			assert.Equal(t, certificate.Subject.String(), certificate.Issuer.String())
			assert.True(t, certificate.IsCA)
			assert.Equal(t, now.Add(-5*time.Minute), certificate.NotBefore)
			assert.Equal(t, now.Add(10*365*24*time.Hour), certificate.NotAfter)
			assert.NotZero(t, certificate.KeyUsage&x509.KeyUsageCertSign)
			assert.Positive(t, certificate.SerialNumber.Sign())
			public, isEC := certificate.PublicKey.(*ecdsa.PublicKey)
			require.True(t, isEC)
			assert.Equal(t, elliptic.P256(), public.Curve)
			require.NoError(t, pki.Verify(purpose, pair, now))
			require.NoError(t, pki.VerifyName(purpose, certificate, certificate))
		})
	}
}

// TestServiceAccountKeys reads the pair with the code kube-apiserver and
// kube-controller-manager read it with.
func TestServiceAccountKeys(t *testing.T) {
	t.Parallel()
	pair := newPair(t, pki.ServiceAccount)
	require.NoError(t, pki.Verify(pki.ServiceAccount, pair, now))
	block, rest := pem.Decode(pair.Cert)
	require.NotNil(t, block)
	assert.Equal(t, "PUBLIC KEY", block.Type)
	assert.Empty(t, rest)
	publics, err := keyutil.ParsePublicKeysPEM(pair.Cert)
	require.NoError(t, err)
	private, err := keyutil.ParsePrivateKeyPEM(pair.Key)
	require.NoError(t, err)
	key, isEC := private.(*ecdsa.PrivateKey)
	require.True(t, isEC)
	require.Len(t, publics, 1)
	assert.True(t, key.PublicKey.Equal(publics[0]))
}

func TestPairsDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 10 {
		pair := newPair(t, pki.KubernetesCA)
		seen[certificateOf(t, pair).SerialNumber.String()] = true
		seen[string(pair.Key)] = true
	}
	assert.Len(t, seen, 20)
}

func TestLeaves(t *testing.T) {
	t.Parallel()
	both := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	client := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	cases := map[string]struct {
		leaf    pki.Leaf
		subject string
		usages  []x509.ExtKeyUsage
		names   []string
		ips     []string
	}{
		"EtcdServer": {
			pki.EtcdServer("demo-etcd-0.demo-etcd.default.svc", "127.0.0.1", "localhost", "::1", "localhost", ""),
			"CN=etcd-server", both,
			[]string{"demo-etcd-0.demo-etcd.default.svc", "localhost"},
			[]string{"127.0.0.1", "::1"},
		},
		"EtcdPeer": {
			pki.EtcdPeer("demo-etcd-0", "demo-etcd-0.x"),
			"CN=demo-etcd-0,O=etcd-peer",
			both,
			[]string{"demo-etcd-0.x"},
			nil,
		},
		"EtcdClient": {pki.EtcdClient(), "CN=apiserver-etcd-client", client, nil, nil},
		"Admin":      {pki.Admin(), "CN=kubernetes-admin,O=system:masters", client, nil, nil},
		"MappedAndZoned": {
			pki.Leaf{CommonName: "x", SANs: []string{"::ffff:10.0.0.1", "10.0.0.1", "fe80::1%eth0"}, Usages: both},
			"CN=x", both, nil,
			[]string{"10.0.0.1", "fe80::1"},
		},
	}
	ca := newCA(t)
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pair, err := issuer().Issue(ca, test.leaf)
			require.NoError(t, err)
			certificate := certificateOf(t, pair)
			assert.Equal(t, test.subject, certificate.Subject.String())
			assert.Equal(t, test.usages, certificate.ExtKeyUsage)
			assert.Equal(t, test.names, certificate.DNSNames)
			var ips []string
			for _, ip := range certificate.IPAddresses {
				ips = append(ips, ip.String())
			}
			assert.Equal(t, test.ips, ips)
			assert.False(t, certificate.IsCA)
			assert.Equal(t, now.Add(-5*time.Minute), certificate.NotBefore)
			assert.Equal(t, now.Add(365*24*time.Hour), certificate.NotAfter)
			require.NoError(t, certificate.CheckSignatureFrom(ca.Certificate))
		})
	}
}

func TestLeafEndsWithItsCA(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	late := ca.Certificate.NotAfter.Add(-24 * time.Hour)
	pair, err := issuerAt(late).Issue(ca, pki.EtcdClient())
	require.NoError(t, err)
	assert.Equal(t, ca.Certificate.NotAfter, certificateOf(t, pair).NotAfter)
}

// TestTrust checks our certificates as a TLS server and a TLS client would, for
// every kind of CA key that may sign them.
func TestTrust(t *testing.T) {
	for name, pair := range map[string]pki.Pair{
		"Generated": newPair(t, pki.EtcdCA),
		"RSA":       newForeign(t, rsaKey(t, 2048)).pair(t),
		"P384":      newForeign(t, ecKey(t, elliptic.P384())).pair(t),
		"P521":      newForeign(t, ecKey(t, elliptic.P521())).pair(t),
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, pki.Verify(pki.EtcdCA, pair, now))
			ca, err := pki.ParseCA(pair)
			require.NoError(t, err)
			server, client := x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth
			require.NoError(t, trust(t, ca, pki.EtcdServer("etcd.example.com"), server))
			require.NoError(t, trust(t, ca, pki.EtcdServer("etcd.example.com"), client))
			require.NoError(t, trust(t, ca, pki.EtcdPeer("a", "etcd.example.com"), server))
			require.NoError(t, trust(t, ca, pki.EtcdPeer("a"), client))
			require.NoError(t, trust(t, ca, pki.EtcdClient(), client))
			require.NoError(t, trust(t, ca, pki.Admin(), client))
			require.ErrorContains(t, trust(t, ca, pki.EtcdServer("other.example.com"), server), "other.example.com")
			require.Error(t, trust(t, ca, pki.EtcdClient(), server), "a client certificate serves")
		})
	}
}

// trust issues the leaf and verifies it; a server goes by etcd.example.com.
func trust(t *testing.T, ca pki.CA, leaf pki.Leaf, usage x509.ExtKeyUsage) error {
	t.Helper()
	pair, err := issuer().Issue(ca, leaf)
	require.NoError(t, err)
	loaded, err := tls.X509KeyPair(pair.Cert, pair.Key)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(ca.PEM))
	options := x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage}}
	if usage == x509.ExtKeyUsageServerAuth {
		options.DNSName = "etcd.example.com"
	}
	_, err = loaded.Leaf.Verify(options)
	return err
}

func TestIssuerFails(t *testing.T) {
	t.Parallel()
	broken := issuer()
	broken.Random = iotest.ErrReader(errors.New("no entropy"))
	for _, purpose := range []pki.Purpose{pki.KubernetesCA} {
		pair, err := broken.Pair(purpose)
		require.ErrorContains(t, err, "no entropy")
		require.ErrorContains(t, err, "generating pair "+string(purpose))
		assert.True(t, pair.IsZero())
	}
	_, err := broken.Issue(newCA(t), pki.EtcdClient())
	require.ErrorContains(t, err, "issuing certificate apiserver-etcd-client")
	_, err = issuer().Issue(newCA(t), pki.EtcdServer("ünicode"))
	require.ErrorContains(t, err, "issuing certificate etcd-server")
}

func TestIssueKeepsTheLeaf(t *testing.T) {
	t.Parallel()
	sans := []string{"b", "a", "b"}
	_, err := issuer().Issue(newCA(t), pki.EtcdServer(sans...))
	require.NoError(t, err)
	assert.Equal(t, []string{"b", "a", "b"}, sans)
}

// FuzzIssue: whatever names a leaf lists, the certificate issued for it is the
// one that is wanted; otherwise it would be issued again in every pass.
func FuzzIssue(f *testing.F) {
	ca := newCA(f)
	for _, seed := range []string{
		"localhost 127.0.0.1 ::1", "::ffff:10.0.0.1", "fe80::1%eth0", "*.example.com .", "a..b", "1.2.3.4.5 010.0.0.1", "a:b@c", "UPPER upper",
	} {
		f.Add(seed, "name")
	}
	f.Fuzz(func(t *testing.T, sans, name string) {
		leaf := pki.Leaf{CommonName: name, SANs: strings.Split(sans, " "), Usages: pki.Admin().Usages}
		before := slices.Clone(leaf.SANs)
		pair, err := issuer().Issue(ca, leaf)
		require.Equal(t, before, leaf.SANs)
		if err != nil {
			require.True(t, pair.IsZero())
			return
		}
		renewal := pki.RenewalOf(pki.Standing{Now: now, CA: ca, Wanted: leaf, Current: pair})
		require.False(t, renewal.Due(), "%+v", renewal)
	})
}
