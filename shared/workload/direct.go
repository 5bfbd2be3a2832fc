// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// DefaultTimeout bounds every request of a direct connection, including the dial.
const DefaultTimeout = 10 * time.Second

// DirectOptions are the options of a direct connection.
type DirectOptions struct {
	// Scheme knows the kinds that Client reads and writes.
	Scheme *runtime.Scheme
	// Timeout bounds every request; 0 means DefaultTimeout.
	Timeout time.Duration
	// UserAgent names the manager to the API server.
	UserAgent string
}

// Direct is a connection to one workload API server with a transport of its own: closing it ends all of its TCP
// connections and none of another cluster's.
type Direct struct {
	config    *rest.Config
	base      *url.URL
	scheme    *runtime.Scheme
	transport *http.Transport
	http      *http.Client
}

// NewDirect returns a connection described by a kubeconfig with a client certificate. It sends nothing yet.
func NewDirect(kubeconfig []byte, options DirectOptions) (*Direct, error) {
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading kubeconfig: %w", err)
	}
	if options.Timeout == 0 {
		options.Timeout = DefaultTimeout
	}
	config.Timeout = options.Timeout
	config.UserAgent = options.UserAgent
	config.QPS, config.Burst = -1, 0 // A handful of requests per pass: nothing to hold back.
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("reading server of kubeconfig: %w", err)
	}
	tlsConfig, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, fmt.Errorf("reading certificates of kubeconfig: %w", err)
	}
	transport := &http.Transport{
		TLSClientConfig:     tlsConfig,
		DialContext:         (&net.Dialer{Timeout: options.Timeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: options.Timeout,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        2,
		IdleConnTimeout:     90 * time.Second,
	}
	return &Direct{
		config: config, base: base, scheme: options.Scheme, transport: transport,
		http: &http.Client{Transport: transport, Timeout: options.Timeout},
	}, nil
}

// Client returns a client without a cache. Kinds are discovered when they are first used.
func (d *Direct) Client() (client.Client, error) {
	c, err := client.New(d.config, client.Options{Scheme: d.scheme, HTTPClient: d.http})
	if err != nil {
		return nil, fmt.Errorf("creating client: %w", err)
	}
	return c, nil
}

// Close ends the connections. Requests that run are not cut off.
func (d *Direct) Close() { d.transport.CloseIdleConnections() }

// Evidence is what a probe saw.
type Evidence struct {
	// StatusCode is the HTTP status; 0 when no answer came.
	StatusCode int
	// Message says in words what was seen, without addresses, ports or times: it does not change while the cause is
	// the same.
	Message string
}

// OK says whether the answer was 200.
func (e Evidence) OK() bool { return e.StatusCode == http.StatusOK }

// Reached says whether anything answered. Without an answer there is no evidence about the API server itself.
func (e Evidence) Reached() bool { return e.StatusCode != 0 }

// Probe sends one GET for a path such as /readyz, authenticated as the kubeconfig's user.
func (d *Direct) Probe(ctx context.Context, path string) Evidence {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.base.JoinPath(path).String(), nil)
	if err != nil {
		return Evidence{Message: "the server URL of the kubeconfig is not valid"}
	}
	request.Header.Set("User-Agent", d.config.UserAgent)
	response, err := d.http.Do(request)
	if err != nil {
		return Evidence{Message: cause(err)}
	}
	defer func() { _ = response.Body.Close() }()
	// Reading to the end lets the connection be used again.
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
	return Evidence{
		StatusCode: response.StatusCode,
		Message:    fmt.Sprintf("%s answers %s", path, response.Status),
	}
}

// cause names what kept an answer away.
func cause(err error) string {
	var (
		dns     *net.DNSError
		timeout net.Error
		op      *net.OpError
	)
	switch {
	case errors.As(err, &dns):
		return "the host name of the API server cannot be resolved"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "the API server does not answer in time"
	case isCertificateError(err):
		return "the certificate of the API server is not accepted: " + certificateCause(err)
	case errors.As(err, &op) && op.Op == "dial":
		return "the API server cannot be reached: " + sysCause(op)
	}
	return "the API server closes the connection"
}
