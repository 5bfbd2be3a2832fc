// SPDX-License-Identifier: Apache-2.0

package pki_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/shared/pki"
)

func TestVerifyAccepts(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	rsa2048 := rsaKey(t, 2048)
	withKey := func(pair pki.Pair, key []byte) pki.Pair { return pki.Pair{Cert: pair.Cert, Key: key} }
	noUsage := newForeign(t, key)
	noUsage.template.KeyUsage = 0
	cases := map[string]pki.Pair{
		"PKCS8":     newForeign(t, key).pair(t),
		"SEC1":      withKey(newForeign(t, key).pair(t), sec1(t, key)),
		"OpenSSLEC": withKey(newForeign(t, key).pair(t), join(block("EC PARAMETERS", []byte{6, 1, 1}), sec1(t, key))),
		"P384":      newForeign(t, ecKey(t, elliptic.P384())).pair(t),
		"RSA":       newForeign(t, rsa2048).pair(t),
		"PKCS1": withKey(
			newForeign(t, rsa2048).pair(t),
			block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsa2048)),
		),
		"TextAround":     withKey(newForeign(t, key).pair(t), join([]byte("my key\n"), sec1(t, key), []byte("\n\n"))),
		"NoKeyUsageAtAl": noUsage.pair(t),
	}
	for name, pair := range cases {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, pki.Verify(pki.KubernetesCA, pair, now))
			_, err := pki.ParseCA(pair)
			require.NoError(t, err)
		})
	}
	for name, pair := range map[string]pki.Pair{
		"RSAServiceAccount": {Cert: publicPEM(t, rsa2048), Key: pkcs8(t, rsa2048)},
		"ECServiceAccount":  {Cert: publicPEM(t, key), Key: sec1(t, key)},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, pki.Verify(pki.ServiceAccount, pair, now))
		})
	}
}

// refusal is a pair and the three things a user is told about it.
type refusal struct {
	pair              pki.Pair
	key, problem, fix string
}

func TestVerifyRefusesKeys(t *testing.T) {
	good := newForeign(t, ecKey(t, elliptic.P256())).pair(t)
	weakRSA := newForeign(t, rsaKey(t, 1024)).pair(t)
	weakEC := newForeign(t, ecKey(t, elliptic.P224())).pair(t)
	ed := newForeign(t, edKey(t)).pair(t)
	cases := map[string]refusal{
		"NoKey": {
			pki.Pair{Cert: good.Cert},
			pki.PrivateKeyKey,
			"holds no PEM block",
			"supply one unencrypted PEM private key",
		},
		"KeyIsCert": {
			pki.Pair{Cert: good.Cert, Key: good.Cert},
			pki.PrivateKeyKey,
			`type "CERTIFICATE", not a private key`,
			"RSA",
		},
		"KeyIsBroken": {
			pki.Pair{Cert: good.Cert, Key: block("EC PRIVATE KEY", []byte{1})},
			pki.PrivateKeyKey,
			"cannot be read",
			"ECDSA",
		},
		"PKCS8Broken": {
			pki.Pair{Cert: good.Cert, Key: block("PRIVATE KEY", []byte{1})},
			pki.PrivateKeyKey,
			"cannot be read",
			"ECDSA",
		},
		"Encrypted": {
			pki.Pair{Cert: good.Cert, Key: block("ENCRYPTED PRIVATE KEY", []byte{1})},
			pki.PrivateKeyKey,
			"ENCRYPTED",
			"unencrypted",
		},
		"TwoKeys": {
			pki.Pair{Cert: good.Cert, Key: join(good.Key, good.Key)},
			pki.PrivateKeyKey,
			"more than one PEM block",
			"one",
		},
		"WeakRSA":      {weakRSA, pki.PrivateKeyKey, "only 1024 bits", "2048 bits or more"},
		"WeakEC":       {weakEC, pki.PrivateKeyKey, "only 224 bits", "P-256"},
		"Ed25519":      {ed, pki.PrivateKeyKey, "only RSA and ECDSA", "RSA"},
		"EmptyPair":    {pki.Pair{}, pki.PrivateKeyKey, "cannot be read", "supply"},
		"KeyIsGarbage": {pki.Pair{Cert: good.Cert, Key: []byte("-----BEGIN")}, pki.PrivateKeyKey, "no PEM block", "supply"},
	}
	for _, purpose := range []pki.Purpose{pki.EtcdCA, pki.ServiceAccount} {
		for name, test := range cases {
			if purpose == pki.ServiceAccount && test.pair.Cert != nil {
				continue // Its public key is looked at only after the key; the cases above hold for both.
			}
			t.Run(string(purpose)+name, func(t *testing.T) { requireRefusal(t, purpose, test) })
		}
	}
}

func TestVerifyRefusesCertificates(t *testing.T) {
	t.Parallel()
	key := ecKey(t, elliptic.P256())
	good := newForeign(t, key).pair(t)
	other := newForeign(t, ecKey(t, elliptic.P256())).pair(t)
	changed := func(change func(*x509.Certificate)) pki.Pair {
		f := newForeign(t, key)
		change(&f.template)
		return f.pair(t)
	}
	cases := map[string]refusal{
		"NoCert":    {pki.Pair{Key: good.Key}, pki.CertKey, "holds no PEM block", "exactly one PEM certificate"},
		"CertIsKey": {pki.Pair{Cert: good.Key, Key: good.Key}, pki.CertKey, `not "CERTIFICATE"`, "certificate"},
		"CertBroken": {
			pki.Pair{Cert: block("CERTIFICATE", []byte{1}), Key: good.Key},
			pki.CertKey,
			"cannot be read",
			"certificate",
		},
		"Bundle": {
			pki.Pair{Cert: join(good.Cert, other.Cert), Key: good.Key},
			pki.CertKey,
			"more than one PEM block",
			"exactly one",
		},
		"OtherKey": {
			pki.Pair{Cert: other.Cert, Key: good.Key},
			pki.CertKey,
			"does not belong to the private key in tls.key",
			"both halves",
		},
		"NotCA": {
			changed(func(c *x509.Certificate) { c.IsCA = false }),
			pki.CertKey,
			"may not sign certificates",
			"CA:TRUE",
		},
		"NotSigning": {
			changed(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }),
			pki.CertKey,
			"may not sign",
			"keyCertSign",
		},
		"Expired": {
			changed(func(c *x509.Certificate) { c.NotAfter = now }),
			pki.CertKey,
			"expired at 2026-11-23T12:00:00Z",
			"valid now",
		},
		"NotYetValid": {
			changed(func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) }),
			pki.CertKey,
			"not valid before 2026-11-23T13:00:00Z",
			"valid now",
		},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireRefusal(t, pki.FrontProxyCA, test)
		})
	}
}

func TestVerifyRefusesServiceAccounts(t *testing.T) {
	t.Parallel()
	key, other := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	cases := map[string]refusal{
		"NoPublicKey": {pki.Pair{Key: sec1(t, key)}, pki.CertKey, "the public key cannot be read", "openssl pkey -pubout"},
		"Certificate": {newForeign(t, key).pair(t), pki.CertKey, `not "PUBLIC KEY"`, "openssl pkey -pubout"},
		"Broken": {
			pki.Pair{Cert: block("PUBLIC KEY", []byte{1}), Key: sec1(t, key)},
			pki.CertKey,
			"cannot be read",
			"tls.key",
		},
		"OtherKey": {
			pki.Pair{Cert: publicPEM(t, other), Key: sec1(t, key)},
			pki.CertKey,
			"does not belong",
			"both halves of one pair",
		},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireRefusal(t, pki.ServiceAccount, test)
		})
	}
}

func requireRefusal(t *testing.T, purpose pki.Purpose, want refusal) {
	t.Helper()
	err := pki.Verify(purpose, want.pair, now)
	var invalid *pki.InvalidError
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, want.key, invalid.Key)
	assert.Contains(t, invalid.Problem, want.problem)
	assert.Contains(t, invalid.Fix, want.fix)
	assert.Equal(t, "key "+invalid.Key+": "+invalid.Problem+"; "+invalid.Fix, err.Error())
}

// TestVerifyName: k0s renews leaves by the name of their issuer.
func TestVerifyName(t *testing.T) {
	t.Parallel()
	named := func(name string) *x509.Certificate {
		f := newForeign(t, ecKey(t, elliptic.P256()))
		f.template.Subject.CommonName = name
		return certificateOf(t, f.pair(t))
	}
	cases := map[string]struct {
		purpose    pki.Purpose
		name       string
		clusterCA  string
		isAccepted bool
	}{
		"AnyClusterCA":     {pki.KubernetesCA, "corporate", "corporate", true},
		"OwnName":          {pki.EtcdCA, "etcd-ca", "corporate", true},
		"LikeClusterCA":    {pki.EtcdCA, "kubernetes", "kubernetes", true},
		"FrontProxy":       {pki.FrontProxyCA, "kubernetes-front-proxy-ca", "kubernetes", true},
		"KubeadmFront":     {pki.FrontProxyCA, "front-proxy-ca", "kubernetes", false},
		"EtcdOfAnother":    {pki.EtcdCA, "kubernetes-etcd", "kubernetes", false},
		"WrongName":        {pki.FrontProxyCA, "etcd-ca", "kubernetes-ca", false},
		"EmptyCommonNames": {pki.EtcdCA, "", "kubernetes", false},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := pki.VerifyName(test.purpose, named(test.name), named(test.clusterCA))
			if test.isAccepted {
				require.NoError(t, err)
				return
			}
			var invalid *pki.InvalidError
			require.ErrorAs(t, err, &invalid)
			assert.Equal(t, pki.CertKey, invalid.Key)
			assert.Contains(t, invalid.Fix, test.purpose.CommonName())
		})
	}
}

func TestParseCARefuses(t *testing.T) {
	t.Parallel()
	good, other := newPair(t, pki.EtcdCA), newPair(t, pki.EtcdCA)
	ca, err := pki.ParseCA(good)
	require.NoError(t, err)
	leaf, err := issuer().Issue(ca, pki.EtcdClient())
	require.NoError(t, err)
	for says, pair := range map[string]pki.Pair{
		"reading CA certificate":                     {Key: good.Key},
		"reading CA key":                             {Cert: good.Cert},
		"is not a CA":                                leaf,
		"CA certificate and key do not belong":       {Cert: good.Cert, Key: other.Key},
		"it is a PEM block of type \"EC PRIVATE KEY": {Cert: good.Key, Key: good.Key},
	} {
		_, err := pki.ParseCA(pair)
		require.ErrorContains(t, err, says)
	}
}

func TestParseKeyKeepsTheKey(t *testing.T) {
	t.Parallel()
	key := ecKey(t, elliptic.P256())
	for _, written := range [][]byte{sec1(t, key), pkcs8(t, key)} {
		read, err := pki.ParseKey(written)
		require.NoError(t, err)
		same, isEC := read.(*ecdsa.PrivateKey)
		require.True(t, isEC)
		assert.True(t, key.Equal(same))
	}
}

// FuzzVerify: user-supplied bytes never bring the manager down, and what is
// accepted as a CA can be used as one.
func FuzzVerify(f *testing.F) {
	pair, accounts := newPair(f, pki.EtcdCA), newPair(f, pki.ServiceAccount)
	f.Add(pair.Cert, pair.Key, true)
	f.Add(accounts.Cert, accounts.Key, false)
	f.Add(pair.Key, pair.Cert, true)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"), []byte{}, true)
	f.Fuzz(func(t *testing.T, cert, key []byte, isCA bool) {
		pair, purpose := pki.Pair{Cert: cert, Key: key}, pki.ServiceAccount
		if isCA {
			purpose = pki.EtcdCA
		}
		if err := pki.Verify(purpose, pair, now); err != nil {
			var invalid *pki.InvalidError
			require.ErrorAs(t, err, &invalid)
			require.NotEmpty(t, invalid.Key+invalid.Problem+invalid.Fix)
			return
		}
		if isCA {
			ca, err := pki.ParseCA(pair)
			require.NoError(t, err)
			_, err = issuer().Issue(ca, pki.EtcdClient())
			require.NoError(t, err)
		}
	})
}
