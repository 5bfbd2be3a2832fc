// SPDX-License-Identifier: Apache-2.0

// Package credentials makes the certificates and kubeconfigs of the lab's management cluster.
// What exists is kept, so that a second run changes nothing.
package credentials

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/utils/clock"
)

// validity of everything the lab signs; labs do not grow old.
const validity = 365 * 24 * time.Hour

// Subject is who a certificate speaks for and where it serves.
type Subject struct {
	Name   string
	Groups []string
	// Hosts are the DNS names and IP addresses a server certificate is valid for. None means a client certificate.
	Hosts []string
}

// Authority signs certificates below one directory.
type Authority struct {
	dir         string
	clock       clock.PassiveClock
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// Load opens the authority in dir, creating it the first time.
func Load(dir string, c clock.PassiveClock) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating the certificate directory: %w", err)
	}
	a := &Authority{dir: dir, clock: c}
	err := a.read()
	if errors.Is(err, os.ErrNotExist) {
		err = a.create()
	}
	if err != nil {
		return nil, fmt.Errorf("loading the certificate authority: %w", err)
	}
	return a, nil
}

// CertFile and KeyFile are where the pair called name is kept.
func (a *Authority) CertFile(name string) string { return filepath.Join(a.dir, name+".crt") }

// KeyFile is the private key belonging to CertFile.
func (a *Authority) KeyFile(name string) string { return filepath.Join(a.dir, name+".key") }

// CAFile is the certificate of the authority.
func (a *Authority) CAFile() string { return a.CertFile("ca") }

func (a *Authority) read() error {
	der, err := readPEM(a.CAFile())
	if err != nil {
		return err
	}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		return fmt.Errorf("parsing %s: %w", a.CAFile(), err)
	}
	keyDER, err := readPEM(a.KeyFile("ca"))
	if err != nil {
		return err
	}
	if a.key, err = x509.ParseECPrivateKey(keyDER); err != nil {
		return fmt.Errorf("parsing %s: %w", a.KeyFile("ca"), err)
	}
	return nil
}

func (a *Authority) create() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("generating a key: %w", err)
	}
	template := a.template(Subject{Name: "k0smotron-lab-ca"})
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = nil
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		return fmt.Errorf("parsing: %w", err)
	}
	a.key = key
	return a.write("ca", der, key)
}

// Ensure makes the pair called name unless it exists.
func (a *Authority) Ensure(name string, s Subject) error {
	if _, err := os.Stat(a.CertFile(name)); err == nil {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("generating key of %s: %w", name, err)
	}
	der, err := x509.CreateCertificate(rand.Reader, a.template(s), a.certificate, key.Public(), a.key)
	if err != nil {
		return fmt.Errorf("signing certificate of %s: %w", name, err)
	}
	return a.write(name, der, key)
}

// EnsureKey makes a key pair without a certificate, as ServiceAccount tokens are signed with. It is kept in KeyFile.
func (a *Authority) EnsureKey(name string) error {
	if _, err := os.Stat(a.KeyFile(name)); err == nil {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("generating key %s: %w", name, err)
	}
	return a.writeKey(name, key)
}

func (a *Authority) template(s Subject) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126)) // rand.Reader does not fail
	now := a.clock.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: s.Name, Organization: s.Groups},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(validity),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, host := range s.Hosts {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return template
}

// write puts the key first, so that a certificate always has one.
func (a *Authority) write(name string, der []byte, key *ecdsa.PrivateKey) error {
	if err := a.writeKey(name, key); err != nil {
		return err
	}
	content := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(a.CertFile(name), content, 0o644); err != nil {
		return fmt.Errorf("writing certificate: %w", err)
	}
	return nil
}

func (a *Authority) writeKey(name string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("encoding key %s: %w", name, err)
	}
	content := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	if err := os.WriteFile(a.KeyFile(name), content, 0o600); err != nil {
		return fmt.Errorf("writing key: %w", err)
	}
	return nil
}

func readPEM(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block", path)
	}
	return block.Bytes, nil
}
