// SPDX-License-Identifier: Apache-2.0

// Package worker is `k0s worker` of the stand-in: a node of real containerd and kubelet that joins with a token.
package worker

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// bootstrapUser is the only user that a worker's token may carry.
const bootstrapUser = "kubelet-bootstrap"

// DecodeToken is the kubeconfig inside a join token.
func DecodeToken(token string) (*clientcmdapi.Config, error) {
	zipped, err := base64.StdEncoding.DecodeString(strings.TrimSpace(token))
	if err != nil {
		return nil, fmt.Errorf("decoding join token: %w", err)
	}
	reader, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		return nil, fmt.Errorf("unpacking join token: %w", err)
	}
	plain, err := io.ReadAll(reader)
	if err != nil {
		return nil, fmt.Errorf("unpacking join token: %w", err)
	}
	config, err := clientcmd.Load(plain)
	if err != nil {
		return nil, fmt.Errorf("loading kubeconfig from join token: %w", err)
	}
	return config, checkToken(config)
}

func checkToken(config *clientcmdapi.Config) error {
	current, found := config.Contexts[config.CurrentContext]
	if !found {
		return errors.New("join token has no current context")
	}
	if current.AuthInfo != bootstrapUser {
		return fmt.Errorf("wrong token type %s, expected type: %s", current.AuthInfo, bootstrapUser)
	}
	cluster, found := config.Clusters[current.Cluster]
	if !found || cluster.Server == "" || len(cluster.CertificateAuthorityData) == 0 {
		return errors.New("join token names no server with its certificate authority")
	}
	if user, found := config.AuthInfos[bootstrapUser]; !found || user.Token == "" {
		return errors.New("join token has no bearer token")
	}
	return nil
}
