// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// Pair is a certificate (for ServiceAccount: a public key) and its private
// key, both PEM.
type Pair struct {
	// Cert is the PEM certificate or public key; Secret key tls.crt.
	Cert []byte
	// Key is the PEM private key; Secret key tls.key.
	Key []byte
}

// IsZero tells that there is no pair at all.
func (p Pair) IsZero() bool { return len(p.Cert) == 0 && len(p.Key) == 0 }

// CA is a certificate authority whose key we hold.
type CA struct {
	// Certificate is the parsed certificate of the CA.
	Certificate *x509.Certificate
	// PEM is the same certificate as it is handed to clients.
	PEM []byte

	key crypto.Signer
}

// ParseCA reads a pair as a certificate authority. It checks that both halves
// can be read and belong together; [Verify] tells users more.
func ParseCA(pair Pair) (CA, error) {
	certificate, err := ParseCertificate(pair.Cert)
	if err != nil {
		return CA{}, fmt.Errorf("reading CA certificate: %w", err)
	}
	key, err := ParseKey(pair.Key)
	if err != nil {
		return CA{}, fmt.Errorf("reading CA key: %w", err)
	}
	if !certificate.IsCA {
		return CA{}, fmt.Errorf("certificate %q is not a CA", certificate.Subject.CommonName)
	}
	if !belongs(key, certificate.PublicKey) {
		return CA{}, errors.New("CA certificate and key do not belong together")
	}
	return CA{Certificate: certificate, PEM: pair.Cert, key: key}, nil
}

// ParseCertificate reads exactly one PEM certificate. Bundles are refused: the
// library with which k0s reads its CAs does not take them.
func ParseCertificate(text []byte) (*x509.Certificate, error) {
	block, err := onlyBlock(text)
	if err != nil {
		return nil, err
	}
	if block.Type != typeCertificate {
		return nil, fmt.Errorf("it is a PEM block of type %q, not %q", block.Type, typeCertificate)
	}
	return x509.ParseCertificate(block.Bytes)
}

// ParseKey reads one PEM private key, RSA or ECDSA, in the forms PKCS#1, SEC 1
// or PKCS#8.
func ParseKey(text []byte) (crypto.Signer, error) {
	block, err := onlyBlock(text)
	if err != nil {
		return nil, err
	}
	switch block.Type {
	case typeRSAKey:
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case typeECKey:
		return x509.ParseECPrivateKey(block.Bytes)
	case typePKCS8Key:
		return parsePKCS8(block.Bytes)
	default:
		return nil, fmt.Errorf("it is a PEM block of type %q, not a private key", block.Type)
	}
}

// ParsePublicKey reads one PEM public key in PKIX form, as k0s wants sa.pub.
func ParsePublicKey(text []byte) (crypto.PublicKey, error) {
	block, err := onlyBlock(text)
	if err != nil {
		return nil, err
	}
	if block.Type != typePublicKey {
		return nil, fmt.Errorf("it is a PEM block of type %q, not %q", block.Type, typePublicKey)
	}
	return x509.ParsePKIXPublicKey(block.Bytes)
}

// PEM block types we read and write.
const (
	typeCertificate = "CERTIFICATE"
	typePublicKey   = "PUBLIC KEY"
	typeRSAKey      = "RSA PRIVATE KEY"
	typeECKey       = "EC PRIVATE KEY"
	typePKCS8Key    = "PRIVATE KEY"

	typeECParameters = "EC PARAMETERS"
)

func parsePKCS8(der []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key, nil
	case *ecdsa.PrivateKey:
		return key, nil
	default:
		return nil, fmt.Errorf("keys of type %T are not supported, only RSA and ECDSA", key)
	}
}

// onlyBlock is the one PEM block of the text. Others beside it are refused,
// because they would be dropped silently; except the parameters that openssl
// writes before an EC key, which repeat what the key says.
func onlyBlock(text []byte) (*pem.Block, error) {
	var only *pem.Block
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == typeECParameters {
			continue
		}
		if only != nil {
			return nil, errors.New("it holds more than one PEM block")
		}
		only = block
	}
	if only == nil {
		return nil, errors.New("it holds no PEM block")
	}
	return only, nil
}

// belongs tells whether the private key is the other half of the public one.
func belongs(key crypto.Signer, public crypto.PublicKey) bool {
	own, ok := key.Public().(interface {
		Equal(other crypto.PublicKey) bool
	})
	return ok && own.Equal(public)
}

func encode(blockType string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: blockType, Bytes: der})
}
