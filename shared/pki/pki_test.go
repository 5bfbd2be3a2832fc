// SPDX-License-Identifier: Apache-2.0

package pki_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/k0smotron/k0smotron/shared/pki"
)

// now is the time of all tests, to the second as certificates have it.
var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func issuer() pki.Issuer { return issuerAt(now) }

func issuerAt(t time.Time) pki.Issuer {
	return pki.Issuer{Clock: clocktesting.NewFakePassiveClock(t), Random: rand.Reader}
}

func newPair(t testing.TB, purpose pki.Purpose) pki.Pair {
	t.Helper()
	pair, err := issuer().Pair(purpose)
	require.NoError(t, err)
	return pair
}

func newCA(t testing.TB) pki.CA {
	t.Helper()
	ca, err := pki.ParseCA(newPair(t, pki.EtcdCA))
	require.NoError(t, err)
	return ca
}

func certificateOf(t testing.TB, pair pki.Pair) *x509.Certificate {
	t.Helper()
	certificate, err := pki.ParseCertificate(pair.Cert)
	require.NoError(t, err)
	return certificate
}

// foreign is a CA pair as a user might bring it, made without our code.
type foreign struct {
	key      crypto.Signer
	template x509.Certificate
}

func newForeign(t testing.TB, key crypto.Signer) *foreign {
	t.Helper()
	return &foreign{key: key, template: x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kubernetes"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
}

func (f *foreign) pair(t testing.TB) pki.Pair {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, &f.template, &f.template, f.key.Public(), f.key)
	require.NoError(t, err)
	return pki.Pair{Cert: block("CERTIFICATE", der), Key: pkcs8(t, f.key)}
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func pkcs8(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return block("PRIVATE KEY", der)
}

func sec1(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	return block("EC PRIVATE KEY", der)
}

func publicPEM(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	return block("PUBLIC KEY", der)
}

func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	require.NoError(t, err)
	return key
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	require.NoError(t, err)
	return key
}

func edKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return key
}

func join(texts ...[]byte) []byte { return bytes.Join(texts, nil) }
