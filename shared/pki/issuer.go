// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"time"

	"k8s.io/utils/clock"
)

const (
	// CALife is how long a CA that we generate lives.
	CALife = 10 * 365 * 24 * time.Hour
	// LeafLife is how long a leaf lives, unless its CA ends before.
	LeafLife = 365 * 24 * time.Hour
	// backdating keeps a fresh certificate valid on machines whose clock is a
	// little behind ours.
	backdating = 5 * time.Minute
)

// Issuer makes key pairs and certificates. It holds no state; what it needs
// from the world is given to it.
type Issuer struct {
	// Clock says when validity begins.
	Clock clock.PassiveClock
	// Random is the source of serial numbers and keys, crypto/rand.Reader
	// outside tests. (Since Go 1.26 the standard library draws keys and
	// signatures from its own source, whatever reader it is given.)
	Random io.Reader
}

// Pair generates the pair of a purpose: a self-signed CA under the name k0s
// expects, or the ServiceAccount keys.
func (i Issuer) Pair(purpose Purpose) (Pair, error) {
	key, keyPEM, err := i.newKey()
	if err != nil {
		return Pair{}, fmt.Errorf("generating pair %s: %w", purpose, err)
	}
	var cert []byte
	if purpose.IsCA() {
		cert, err = i.selfSign(purpose, key)
	} else {
		cert, err = publicKeyPEM(key)
	}
	if err != nil {
		return Pair{}, fmt.Errorf("generating pair %s: %w", purpose, err)
	}
	return Pair{Cert: cert, Key: keyPEM}, nil
}

// Issue generates a key for the leaf and signs its certificate with the CA.
func (i Issuer) Issue(ca CA, leaf Leaf) (Pair, error) {
	key, keyPEM, err := i.newKey()
	if err != nil {
		return Pair{}, fmt.Errorf("issuing certificate %s: %w", leaf.CommonName, err)
	}
	names, addresses := splitSANs(leaf.SANs)
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: leaf.CommonName, Organization: leaf.Organization},
		NotAfter:    earlier(i.Clock.Now().Add(LeafLife), ca.Certificate.NotAfter),
		DNSNames:    names,
		IPAddresses: addresses,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: leaf.Usages,
	}
	cert, err := i.sign(template, ca.Certificate, key.Public(), ca.key)
	if err != nil {
		return Pair{}, fmt.Errorf("issuing certificate %s: %w", leaf.CommonName, err)
	}
	return Pair{Cert: cert, Key: keyPEM}, nil
}

func (i Issuer) selfSign(purpose Purpose, key crypto.Signer) ([]byte, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: purpose.CommonName()},
		NotAfter:              i.Clock.Now().Add(CALife),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	return i.sign(template, template, key.Public(), key)
}

// sign completes the template with what all our certificates have in common.
func (i Issuer) sign(
	template, parent *x509.Certificate,
	public crypto.PublicKey,
	signer crypto.Signer,
) ([]byte, error) {
	serial, err := i.serialNumber()
	if err != nil {
		return nil, fmt.Errorf("drawing serial number: %w", err)
	}
	template.SerialNumber = serial
	template.NotBefore = i.Clock.Now().Add(-backdating).UTC()
	template.NotAfter = template.NotAfter.UTC()
	der, err := x509.CreateCertificate(i.Random, template, parent, public, signer)
	if err != nil {
		return nil, err
	}
	return encode(typeCertificate, der), nil
}

// serialNumber has 127 random bits and is never 0, as the standard asks.
func (i Issuer) serialNumber() (*big.Int, error) {
	limit := new(big.Int).Lsh(big.NewInt(1), 127)
	drawn, err := rand.Int(i.Random, limit)
	if err != nil {
		return nil, err
	}
	return drawn.Add(drawn, big.NewInt(1)), nil
}

func (i Issuer) newKey() (crypto.Signer, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), i.Random)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return key, encode(typeECKey, der), nil
}

func publicKeyPEM(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	return encode(typePublicKey, der), nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
