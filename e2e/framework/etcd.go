// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/mgmt"
	"github.com/k0smotron/k0smotron/e2e/lab/process"
)

const (
	// etcdProgram is the name of the program, its log and its data.
	etcdProgram = "external-etcd"
	// etcdURL is where machines reach it; only the lab's segment has that address.
	etcdURL = "http://" + layout.HostIP + ":8482"
	// etcdPeerURL is where it would reach others of its kind.
	etcdPeerURL = "http://127.0.0.1:8483"
)

// Etcd is an etcd that k0s uses and does not run.
type Etcd struct {
	client http.Client
	// Endpoint is its URL, for clients without certificates.
	Endpoint string
}

// StartEtcd starts an empty etcd on the host. It ends with the test, so a cluster that uses it is created afterwards.
func (l *Lab) StartEtcd(t *testing.T) *Etcd {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	require.NoError(t, l.removeEtcd(ctx))
	t.Cleanup(func() { require.NoError(t, l.removeEtcd(ctx)) })
	require.NoError(t, mgmt.Start(ctx, l.Paths, externalEtcd(l.Paths)))
	etcd := &Etcd{client: http.Client{Timeout: requestTimeout}, Endpoint: etcdURL}
	Eventually(t, time.Minute, func() error {
		_, err := etcd.Keys(ctx, "/")
		return err
	})
	return etcd
}

// externalEtcd does not wait for the disk: what is shown with it does not depend on what outlives the host.
func externalEtcd(p layout.Paths) process.Spec {
	return process.Spec{Name: etcdProgram, Args: []string{
		p.Bin("etcd", layout.EtcdVersion, "etcd"),
		"--name=external",
		"--data-dir=" + etcdData(p),
		"--unsafe-no-fsync",
		"--listen-client-urls=" + etcdURL,
		"--advertise-client-urls=" + etcdURL,
		"--listen-peer-urls=" + etcdPeerURL,
		"--initial-advertise-peer-urls=" + etcdPeerURL,
		"--initial-cluster=external=" + etcdPeerURL,
		"--log-level=warn",
	}}
}

func etcdData(p layout.Paths) string { return filepath.Join(p.State, etcdProgram) }

// removeEtcd ends it, if it runs, with all that it stores.
func (l *Lab) removeEtcd(ctx context.Context) error {
	programs := process.Set{PIDs: l.Paths.Run, Logs: l.Paths.Logs()}
	if err := programs.Stop(ctx, etcdProgram, 5*time.Second); err != nil {
		return err
	}
	if err := os.RemoveAll(etcdData(l.Paths)); err != nil {
		return fmt.Errorf("removing the data of %s: %w", etcdProgram, err)
	}
	return nil
}

// Keys counts what is stored under keys that begin with a prefix, which must not be empty.
func (e *Etcd) Keys(ctx context.Context, prefix string) (int64, error) {
	var answer struct {
		Count int64 `json:"count,string"`
	}
	if err := e.ask(ctx, "/v3/kv/range", countKeys(prefix), &answer); err != nil {
		return 0, fmt.Errorf("counting keys of %s: %w", e.Endpoint, err)
	}
	return answer.Count, nil
}

// rangeRequest is etcd's RangeRequest, as its gateway for HTTP takes it.
type rangeRequest struct {
	Key       []byte `json:"key"`
	RangeEnd  []byte `json:"range_end"`
	CountOnly bool   `json:"count_only"`
}

// countKeys asks for the keys from prefix on up to the first one behind all that begin with it.
func countKeys(prefix string) rangeRequest {
	end := []byte(prefix)
	end[len(end)-1]++
	return rangeRequest{Key: []byte(prefix), RangeEnd: end, CountOnly: true}
}

func (e *Etcd) ask(ctx context.Context, path string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.Endpoint+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := e.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer is %s", response.Status)
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
