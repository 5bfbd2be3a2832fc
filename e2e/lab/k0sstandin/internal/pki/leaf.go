// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"slices"
	"time"
)

// managedIssuers are the names under which k0s renews leaves; a leaf of another issuer is left alone for ever.
var managedIssuers = []string{"kubernetes-ca", "kubernetes-front-proxy-ca", "etcd-ca"}

// Request is one leaf.
type Request struct {
	Name         string
	CommonName   string
	Organization string
	Hosts        []string
	Owner        int
}

// Pair is a certificate and its key as PEM.
type Pair struct{ Certificate, Key []byte }

// EnsureLeaf issues the leaf, unless one is there whose issuer k0s does not manage.
func (s Store) EnsureLeaf(authority *Authority, request Request) (Pair, error) {
	if kept, ok := s.unmanaged(authority, request.Name); ok {
		return kept, nil
	}
	pair, err := s.issue(authority, request)
	if err != nil {
		return Pair{}, fmt.Errorf("issuing %s: %w", request.Name, err)
	}
	key, crt := request.Name+".key", request.Name+".crt"
	err = errors.Join(s.write(key, pair.Key, KeyMode), s.write(crt, pair.Certificate, CertMode),
		os.Chown(s.Path(key), request.Owner, -1), os.Chown(s.Path(crt), request.Owner, -1))
	return pair, err
}

func (s Store) unmanaged(authority *Authority, name string) (Pair, bool) {
	certPEM, certErr := os.ReadFile(s.Path(name + ".crt"))
	keyPEM, keyErr := os.ReadFile(s.Path(name + ".key"))
	if certErr != nil || keyErr != nil {
		return Pair{}, false
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return Pair{}, false
	}
	issuer := pair.Leaf.Issuer.CommonName
	if slices.Contains(managedIssuers, issuer) || issuer == authority.Certificate.Subject.CommonName {
		return Pair{}, false
	}
	return Pair{Certificate: certPEM, Key: keyPEM}, true
}

func (s Store) issue(authority *Authority, request Request) (Pair, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return Pair{}, fmt.Errorf("making key: %w", err)
	}
	template := s.template(request.CommonName, request.Organization, leafLife)
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, host := range request.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, authority.Certificate, key.Public(), authority.key)
	if err != nil {
		return Pair{}, fmt.Errorf("signing: %w", err)
	}
	return Pair{
		Certificate: encode("CERTIFICATE", der),
		Key:         encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)),
	}, nil
}

func (s Store) template(commonName, organization string, life time.Duration) *x509.Certificate {
	subject := pkix.Name{CommonName: commonName}
	if organization != "" {
		subject.Organization = []string{organization}
	}
	var serial [16]byte
	_, _ = rand.Read(serial[:])
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial[:]),
		Subject:      subject,
		NotBefore:    s.Now().Add(-5 * time.Minute),
		NotAfter:     s.Now().Add(life),
	}
}

func parseAuthority(name string, certPEM, keyPEM []byte) (*Authority, error) {
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("reading authority %s: %w", name, err)
	}
	if !pair.Leaf.IsCA {
		return nil, fmt.Errorf("reading authority %s: %q is not a certificate authority", name, pair.Leaf.Subject)
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("reading authority %s: its key cannot sign", name)
	}
	return &Authority{Certificate: pair.Leaf, PEM: certPEM, key: signer}, nil
}
