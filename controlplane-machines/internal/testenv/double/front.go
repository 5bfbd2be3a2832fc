// SPDX-License-Identifier: Apache-2.0

package double

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/pki"
)

// Front is the address of a workload cluster in memory: an API server as far as a manager asks one, so that a manager can
// run with all its connections. It serves TLS by a certificate of the cluster's own CA, discovery, reads and watches of
// the kinds that matter, and patches; who asks is not looked at. As k0s does, it takes every ClusterConfig and says so.
type Front struct {
	// Address is where it listens.
	Address netip.AddrPort

	double *Double
	open   atomic.Bool
	writes atomic.Int64

	mutex  sync.Mutex
	issued *tls.Certificate
}

// Serve puts a Front before the workload cluster until the test ends. From then on turns are taken by Front.Turn.
func (d *Double) Serve(t testing.TB) *Front {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listening for the workload cluster: %v", err)
	}
	front := &Front{Address: netip.MustParseAddrPort(listener.Addr().String()), double: d}
	server := &http.Server{
		Handler: front.whileOpen(front.routes()), ReadHeaderTimeout: startTime,
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: front.certificate},
		ErrorLog:  log.New(io.Discard, "", 0), // Connections that break are part of the play.
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.ServeTLS(listener, "", "")
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	return front
}

// Endpoint is the address as the Cluster has it.
func (f *Front) Endpoint() clusterv1.APIEndpoint {
	return clusterv1.APIEndpoint{Host: f.Address.Addr().String(), Port: int32(f.Address.Port())}
}

// Writes counts what was asked of it but reads.
func (f *Front) Writes() int64 { return f.writes.Load() }

// Turn is a turn of the Double. Whether the cluster answers is what it was at the end of the turn: a request does not wait
// for a turn to end.
func (f *Front) Turn(ctx context.Context) error {
	err := f.double.Turn(ctx)
	f.open.Store(f.double.Answers())
	return err
}

// whileOpen breaks the connection while no API server works.
func (f *Front) whileOpen(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !f.open.Load() {
			panic(http.ErrAbortHandler)
		}
		if r.Method != http.MethodGet {
			f.writes.Add(1)
		}
		next.ServeHTTP(w, r)
	})
}

// certificate is issued at the first connection: the CA is made after the endpoint is known.
func (f *Front) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.issued != nil {
		return f.issued, nil
	}
	cluster, secret := f.double.options.Cluster, &corev1.Secret{}
	key := client.ObjectKey{Namespace: cluster.Namespace, Name: pki.KubernetesCA.SecretName(cluster.Name)}
	if err := f.double.options.Management.Get(hello.Context(), key, secret); err != nil {
		return nil, fmt.Errorf("getting the CA: %w", err)
	}
	issued, err := f.issue(pki.Pair{Cert: secret.Data[corev1.TLSCertKey], Key: secret.Data[corev1.TLSPrivateKeyKey]})
	f.issued = issued
	return issued, err
}

func (f *Front) issue(pair pki.Pair) (*tls.Certificate, error) {
	ca, err := pki.ParseCA(pair)
	if err != nil {
		return nil, fmt.Errorf("reading the CA: %w", err)
	}
	leaf, err := pki.Issuer{Clock: clock.RealClock{}, Random: rand.Reader}.Issue(ca, pki.Leaf{
		CommonName: "kubernetes", SANs: []string{f.Address.Addr().String()},
		Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return nil, fmt.Errorf("issuing a certificate: %w", err)
	}
	issued, err := tls.X509KeyPair(leaf.Cert, leaf.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate: %w", err)
	}
	return &issued, nil
}
