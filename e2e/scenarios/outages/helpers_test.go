// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package outages

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/framework"
	"github.com/k0smotron/k0smotron/e2e/lab/command"
)

// authorities are the hosted cluster's CAs and its key for ServiceAccounts, each with the uid of its Secret.
func authorities(t *testing.T, cluster string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, suffix := range []string{"-ca", "-etcd", "-proxy", "-sa"} {
		secret := lab.Kubectl(t, "get", "secret", cluster+suffix, "--ignore-not-found", "-o",
			"jsonpath={.metadata.uid} {.data}")
		if secret != "" {
			found[suffix] = secret
		}
	}
	return found
}

// assertNoToken waits until every join token in the cluster has been revoked.
func assertNoToken(t *testing.T, cluster string) {
	t.Helper()
	framework.Eventually(t, time.Minute, func() error {
		if left := tokens(t, cluster); len(left) > 0 {
			return fmt.Errorf("tokens of machines that have joined: %v", left)
		}
		return nil
	})
}

// tokens are the names of the join tokens in the cluster.
func tokens(t *testing.T, cluster string) []string {
	t.Helper()
	return strings.Fields(workload(t, cluster, "--namespace", "kube-system", "get", "secrets",
		"--field-selector", "type=bootstrap.kubernetes.io/token", "-o", "jsonpath={.items[*].metadata.name}"))
}

// workload runs kubectl against the cluster itself.
func workload(t *testing.T, cluster string, args ...string) string {
	t.Helper()
	encoded := lab.Kubectl(t, "get", "secret", cluster+"-kubeconfig", "-o", "jsonpath={.data.value}")
	kubeconfig, err := base64.StdEncoding.DecodeString(encoded)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(file, kubeconfig, 0o600))
	args = append([]string{"--kubeconfig", file, "--request-timeout=20s"}, args...)
	output, err := command.Output(t.Context(), lab.Paths.Kubernetes("kubectl"), args...)
	require.NoError(t, err)
	return output
}
