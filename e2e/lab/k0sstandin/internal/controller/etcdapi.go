// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// etcdMember is a member as etcd itself knows it.
type etcdMember struct {
	// ID is a decimal number.
	ID        string `json:"ID"`
	Name      string `json:"name"`
	IsLearner bool   `json:"isLearner"`
}

// hexID is the form of the id that k0s writes.
func (m etcdMember) hexID() (string, error) {
	id, err := strconv.ParseUint(m.ID, 10, 64)
	if err != nil {
		return "", fmt.Errorf("reading the id of member %s: %w", m.Name, err)
	}
	return strconv.FormatUint(id, 16), nil
}

// etcdAPI asks an etcd through its HTTP gateway.
type etcdAPI struct {
	client *http.Client
	server string
}

// newEtcdAPI asks the etcd that runs here, with the API server's certificate.
func (c *Controller) newEtcdAPI() (etcdAPI, error) {
	certificate, err := tls.LoadX509KeyPair(
		c.Layout.pki("apiserver-etcd-client.crt"),
		c.Layout.pki("apiserver-etcd-client.key"),
	)
	if err != nil {
		return etcdAPI{}, fmt.Errorf("reading the certificate for etcd: %w", err)
	}
	authority, err := os.ReadFile(c.Layout.pki("etcd/ca.crt"))
	if err != nil {
		return etcdAPI{}, fmt.Errorf("reading the authority of etcd: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return etcdAPI{}, errors.New("reading the authority of etcd: no certificate")
	}
	return etcdAPI{server: "https://127.0.0.1:2379", client: &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{
			Certificates: []tls.Certificate{certificate}, RootCAs: roots, MinVersion: tls.VersionTLS12,
		}},
	}}, nil
}

// members lists all members. Only a voting member that sees a quorum can tell.
func (a etcdAPI) members(ctx context.Context) ([]etcdMember, error) {
	request, err := http.NewRequestWithContext(
		ctx, http.MethodPost, a.server+"/v3/cluster/member/list", strings.NewReader(`{"linearizable":true}`))
	if err != nil {
		return nil, fmt.Errorf("listing members of etcd: %w", err)
	}
	answer, err := a.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("listing members of etcd: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("listing members of etcd: %s", answer.Status)
	}
	var list struct {
		Members []etcdMember `json:"members"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&list); err != nil {
		return nil, fmt.Errorf("listing members of etcd: %w", err)
	}
	return list.Members, nil
}
