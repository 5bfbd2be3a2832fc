// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/download"
	"github.com/k0smotron/k0smotron/e2e/lab/machine"
	"github.com/k0smotron/k0smotron/e2e/lab/machine/agent"
	"github.com/k0smotron/k0smotron/e2e/lab/machines"
)

func TestTheAgentServesOrdersAndDownloads(t *testing.T) {
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "k0s"), []byte("the program"))
	config := machines.AgentConfig{
		Machine: machine.Config{State: dir, Run: dir}, Socket: filepath.Join(dir, "s"),
		Address: freeAddress(t), Downloads: map[string]string{"k0s": file},
	}
	content, err := json.Marshal(config)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	configFile := write(t, filepath.Join(dir, "config"), content)
	go func() { ended <- run(ctx, configFile) }()

	client := agent.NewClient(config.Socket)
	require.Eventually(t, func() bool {
		states, err := client.List(ctx)
		return err == nil && len(states) == 0
	}, 5*time.Second, 10*time.Millisecond)
	require.NoError(t, client.SetFaults(ctx, download.Faults{FailNext: 1}))
	assert.Equal(t, http.StatusServiceUnavailable, status(t, "http://"+config.Address+"/k0s"))
	assert.Equal(t, http.StatusOK, status(t, "http://"+config.Address+"/k0s"))

	cancel()
	require.NoError(t, <-ended)
}

func TestAConfigurationIsNeeded(t *testing.T) {
	require.ErrorIs(t, run(t.Context(), filepath.Join(t.TempDir(), "none")), os.ErrNotExist)
}

func write(t *testing.T, path string, content []byte) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

func status(t *testing.T, url string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	return response.StatusCode
}
