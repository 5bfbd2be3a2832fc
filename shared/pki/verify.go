// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"time"
)

// Keys of the Secrets in which pairs are kept, as Cluster API has them.
const (
	// CertKey holds the certificate or the ServiceAccount's public key.
	CertKey = "tls.crt"
	// PrivateKeyKey holds the private key.
	PrivateKeyKey = "tls.key"
)

// InvalidError says what is wrong with a pair that a user supplied.
type InvalidError struct {
	// Key is the Secret key to look at.
	Key string
	// Problem is what is wrong with it.
	Problem string
	// Fix is what to do about it.
	Fix string
}

// Error is the sentence for conditions; callers put the Secret's name in front.
func (e *InvalidError) Error() string { return fmt.Sprintf("key %s: %s; %s", e.Key, e.Problem, e.Fix) }

// supplied is a pair after reading it.
type supplied struct {
	purpose     Purpose
	now         time.Time
	key         crypto.Signer
	public      crypto.PublicKey
	certificate *x509.Certificate
}

// Verify judges a pair that a user supplied, so that a mistake is told before
// k0s starts with it. The error is an [*InvalidError].
func Verify(purpose Purpose, pair Pair, now time.Time) error {
	read, invalid := readSupplied(purpose, pair, now)
	if invalid != nil {
		return invalid
	}
	for _, examine := range examinations(purpose) {
		if invalid := examine(read); invalid != nil {
			return invalid
		}
	}
	return nil
}

// examinations are the things a pair of the purpose must satisfy. Each answers
// nil or what is wrong.
func examinations(purpose Purpose) []func(supplied) *InvalidError {
	if purpose.IsCA() {
		return []func(supplied) *InvalidError{strongEnough, halvesMatch, signsCertificates, validNow}
	}
	return []func(supplied) *InvalidError{strongEnough, halvesMatch}
}

// VerifyName tells whether k0s will renew what it issues from a supplied CA: the
// CA must have k0s's own name for it, or the name of the cluster CA. Leaves of
// other CAs are left to expire, which shows a year later. The error is an
// [*InvalidError].
func VerifyName(purpose Purpose, certificate, clusterCA *x509.Certificate) error {
	is := certificate.Subject.CommonName
	if purpose == KubernetesCA || is == purpose.CommonName() || is == clusterCA.Subject.CommonName {
		return nil
	}
	return &InvalidError{
		Key:     CertKey,
		Problem: fmt.Sprintf("the CA is named %q, and k0s never renews the certificates of a CA of that name", is),
		Fix:     fmt.Sprintf("supply one with the common name %q, or that of the cluster CA", purpose.CommonName()),
	}
}

func readSupplied(purpose Purpose, pair Pair, now time.Time) (supplied, *InvalidError) {
	key, err := ParseKey(pair.Key)
	if err != nil {
		return supplied{}, &InvalidError{
			Key:     PrivateKeyKey,
			Problem: fmt.Sprintf("the private key cannot be read: %v", err),
			Fix:     fixKey,
		}
	}
	read := supplied{purpose: purpose, now: now, key: key}
	if !purpose.IsCA() {
		return readPublicKey(read, pair)
	}
	return readCertificate(read, pair)
}

func readPublicKey(read supplied, pair Pair) (supplied, *InvalidError) {
	public, err := ParsePublicKey(pair.Cert)
	if err != nil {
		return supplied{}, &InvalidError{
			Key:     CertKey,
			Problem: fmt.Sprintf("the public key cannot be read: %v", err),
			Fix:     "supply the public half of " + PrivateKeyKey + " as openssl pkey -pubout prints it",
		}
	}
	read.public = public
	return read, nil
}

func readCertificate(read supplied, pair Pair) (supplied, *InvalidError) {
	certificate, err := ParseCertificate(pair.Cert)
	if err != nil {
		return supplied{}, &InvalidError{
			Key:     CertKey,
			Problem: fmt.Sprintf("the certificate cannot be read: %v", err),
			Fix:     "supply exactly one PEM certificate, that of the CA itself",
		}
	}
	read.certificate, read.public = certificate, certificate.PublicKey
	return read, nil
}

const (
	// minRSABits and minECBits are the smallest keys that TLS stacks of today
	// accept from a CA.
	minRSABits = 2048
	minECBits  = 256

	fixKey = "supply one unencrypted PEM private key: RSA with 2048 bits or more, or ECDSA on P-256 or larger"
)

func strongEnough(s supplied) *InvalidError {
	bits, enough := 0, 0
	switch key := s.key.(type) {
	case *rsa.PrivateKey:
		bits, enough = key.N.BitLen(), minRSABits
	case *ecdsa.PrivateKey:
		bits, enough = key.Curve.Params().BitSize, minECBits
	}
	if bits >= enough {
		return nil
	}
	return &InvalidError{Key: PrivateKeyKey, Problem: fmt.Sprintf("the private key has only %d bits", bits), Fix: fixKey}
}

func halvesMatch(s supplied) *InvalidError {
	if belongs(s.key, s.public) {
		return nil
	}
	return &InvalidError{
		Key:     CertKey,
		Problem: "it does not belong to the private key in " + PrivateKeyKey,
		Fix:     "supply both halves of one pair",
	}
}

func signsCertificates(s supplied) *InvalidError {
	if s.certificate.IsCA && (s.certificate.KeyUsage == 0 || s.certificate.KeyUsage&x509.KeyUsageCertSign != 0) {
		return nil
	}
	return &InvalidError{
		Key:     CertKey,
		Problem: fmt.Sprintf("the certificate %q may not sign certificates", s.certificate.Subject.CommonName),
		Fix:     "supply a CA certificate: basic constraint CA:TRUE and key usage keyCertSign",
	}
}

func validNow(s supplied) *InvalidError {
	const fix = "supply a CA that is valid now and for the life of the cluster"
	from, until := s.certificate.NotBefore, s.certificate.NotAfter
	switch {
	case s.now.Before(from):
		return &InvalidError{Key: CertKey, Problem: "the certificate is not valid before " + utc(from), Fix: fix}
	case !s.now.Before(until):
		return &InvalidError{Key: CertKey, Problem: "the certificate expired at " + utc(until), Fix: fix}
	default:
		return nil
	}
}

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339) }
