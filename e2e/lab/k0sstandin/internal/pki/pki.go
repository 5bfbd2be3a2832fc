// SPDX-License-Identifier: Apache-2.0

// Package pki keeps the certificates below <data-dir>/pki as k0s does: authorities that are there are used, missing ones
// are made, and every leaf is issued anew at each start.
package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Modes of what lies below the directory.
const (
	DirMode     fs.FileMode = 0o751
	EtcdDirMode fs.FileMode = 0o711
	CertMode    fs.FileMode = 0o644
	KeyMode     fs.FileMode = 0o640
	OwnerMode   fs.FileMode = 0o600
)

// Lifetimes that k0s uses when the configuration names none.
const (
	authorityLife = 87600 * time.Hour
	leafLife      = 8760 * time.Hour
)

// Store is the directory with the certificates.
type Store struct {
	Dir string
	Now func() time.Time
}

// Path is the path of a file in the store.
func (s Store) Path(name string) string { return filepath.Join(s.Dir, filepath.FromSlash(name)) }

// CheckModes refuses what would make k0s unsafe or fail later: keys that others can read, keys that are links, and
// authorities with only one half.
func (s Store) CheckModes() error {
	return filepath.WalkDir(s.Dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".key") {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return fmt.Errorf("reading %s: %w", path, err)
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s: a key must be a regular file, not %s", path, info.Mode())
		}
		if open := info.Mode().Perm() &^ KeyMode; open != 0 {
			return fmt.Errorf("%s: mode %04o lets more than %04o", path, info.Mode().Perm(), KeyMode)
		}
		return nil
	})
}

// Authority is a certificate with the key that signs in its name.
type Authority struct {
	Certificate *x509.Certificate
	PEM         []byte
	key         crypto.Signer
}

// EnsureAuthority reads the authority, or makes it when one of its files is missing.
func (s Store) EnsureAuthority(name, commonName string) (*Authority, error) {
	certPEM, certErr := os.ReadFile(s.Path(name + ".crt"))
	keyPEM, keyErr := os.ReadFile(s.Path(name + ".key"))
	if certErr == nil && keyErr == nil {
		return parseAuthority(name, certPEM, keyPEM)
	}
	if err := errors.Join(certErr, keyErr); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading authority %s: %w", name, err)
	}
	return s.createAuthority(name, commonName)
}

func (s Store) createAuthority(name, commonName string) (*Authority, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("making key of %s: %w", name, err)
	}
	template := s.template(commonName, "", authorityLife)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making certificate of %s: %w", name, err)
	}
	certPEM, keyPEM := encode("CERTIFICATE", der), encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
	if err := errors.Join(s.write(name+".key", keyPEM, KeyMode), s.write(name+".crt", certPEM, CertMode)); err != nil {
		return nil, err
	}
	return parseAuthority(name, certPEM, keyPEM)
}

// EnsureServiceAccountKeys makes the pair that signs ServiceAccount tokens, unless it is there.
func (s Store) EnsureServiceAccountKeys(owner int) error {
	if _, err := os.Stat(s.Path("sa.pub")); err != nil {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return fmt.Errorf("making ServiceAccount key: %w", err)
		}
		public, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			return fmt.Errorf("encoding ServiceAccount key: %w", err)
		}
		private := encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
		if err := errors.Join(
			s.write("sa.key", private, KeyMode),
			s.write("sa.pub", encode("PUBLIC KEY", public), CertMode),
		); err != nil {
			return err
		}
	}
	return errors.Join(os.Chmod(s.Path("sa.key"), KeyMode), os.Chown(s.Path("sa.key"), owner, -1))
}

func (s Store) write(name string, data []byte, mode fs.FileMode) error {
	path := s.Path(name)
	partial := path + ".partial"
	if err := os.WriteFile(partial, data, mode); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return os.Rename(partial, path)
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
