// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// server answers with a certificate of its own making, which it returns.
func server(t *testing.T, handler http.HandlerFunc) (address string, certificate []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	s := httptest.NewUnstartedServer(handler)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func kubeconfig(t *testing.T, file, address string, authority []byte) {
	t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: "https://" + address, CertificateAuthorityData: authority}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{Token: "t"}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	config.CurrentContext = "x"
	require.NoError(t, clientcmd.WriteToFile(*config, file))
}

func fileEndpoint(file string) *endpoint {
	return &endpoint{kubeconfig: func(context.Context) ([]byte, error) { return os.ReadFile(file) }}
}

func ok(http.ResponseWriter, *http.Request) {}

func TestEveryRunTrustsItsOwnServer(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "admin.conf")
	for range 3 { // the same file name for another server every time
		address, authority := server(t, ok)
		kubeconfig(t, file, address, authority)
		require.NoError(t, fileEndpoint(file).ask(t.Context()))
	}
}

func TestTheKubeconfigIsReadAgainWhenTheServerIsAnother(t *testing.T) {
	t.Parallel()
	_, former := server(t, ok)
	address, authority := server(t, ok)
	file := filepath.Join(t.TempDir(), "admin.conf")
	kubeconfig(t, file, address, former)
	e := fileEndpoint(file)
	var untrusted *tls.CertificateVerificationError
	require.ErrorAs(t, e.ask(t.Context()), &untrusted)
	kubeconfig(t, file, address, authority)
	require.NoError(t, e.ask(t.Context()))
}

func TestWaitAsksUntilTheServerIsReady(t *testing.T) {
	t.Parallel()
	answers := []int{http.StatusUnauthorized, http.StatusInternalServerError, http.StatusOK}
	asked := 0
	address, authority := server(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/readyz", r.URL.Path)
		w.WriteHeader(answers[min(asked, 2)])
		asked++
	})
	file := filepath.Join(t.TempDir(), "admin.conf")
	reads := 0
	e := &endpoint{host: address, kubeconfig: func(context.Context) ([]byte, error) {
		if reads++; reads == 1 {
			return nil, errors.New("not yet")
		}
		kubeconfig(t, file, "localhost:1", authority)
		return os.ReadFile(file)
	}}
	require.NoError(t, e.wait(t.Context()))
	assert.Equal(t, 3, asked)
	assert.Equal(t, 3, reads, "not there, there, and again after the 401")
}

func TestWaitSaysWhatItWaitedFor(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := fileEndpoint(filepath.Join(t.TempDir(), "none")).wait(ctx)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	broken := &endpoint{kubeconfig: func(context.Context) ([]byte, error) { return []byte("["), nil }}
	require.ErrorContains(t, broken.ask(t.Context()), "reading the kubeconfig")
}
