// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// askTimeout is what one question may take. Whoever does not answer in that time is asked again.
const askTimeout = time.Second

// endpoint is an API server that somebody waits for.
type endpoint struct {
	// kubeconfig gets the credentials, as soon as there are any. It is asked before the first question and when the
	// server turns out not to be the one that the credentials are for.
	kubeconfig func(context.Context) ([]byte, error)
	// host replaces the host in the kubeconfig, unless it is empty.
	host string

	client *http.Client
	url    string
}

// wait asks until the API server answers 200 on /readyz.
func (e *endpoint) wait(ctx context.Context) error {
	if err := until(ctx, e.ask); err != nil {
		return fmt.Errorf("waiting for the API server at %s: %w", e.url, err)
	}
	return nil
}

func (e *endpoint) ask(ctx context.Context) error {
	if e.client == nil {
		if err := e.connect(ctx); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url, nil)
	if err != nil {
		return err
	}
	response, err := e.client.Do(request)
	if err != nil {
		if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
			e.forget()
		}
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		if response.StatusCode == http.StatusUnauthorized {
			e.forget()
		}
		return fmt.Errorf("answer %s", response.Status)
	}
	return nil
}

// forget makes the next question begin with the credentials.
func (e *endpoint) forget() {
	e.client.CloseIdleConnections()
	e.client = nil
}

// connect makes a client of the present kubeconfig. It is none of client-go's: those are kept and given out again for
// the same file names, whatever is in the files by then.
func (e *endpoint) connect(ctx context.Context) error {
	content, err := e.kubeconfig(ctx)
	if err != nil {
		return err
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(bytes.Clone(content))
	if err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	if err := rest.LoadTLSFiles(config); err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	server, err := url.Parse(config.Host)
	if err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	if e.host != "" {
		server.Host = e.host
	}
	settings, err := rest.TLSConfigFor(config)
	if err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	e.url = server.JoinPath("readyz").String()
	e.client = &http.Client{Timeout: askTimeout, Transport: &http.Transport{TLSClientConfig: settings}}
	return nil
}
