// SPDX-License-Identifier: Apache-2.0

// Package status is the socket by which a running stand-in says what it is.
package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/version"
)

// Socket is the name of the socket in the run directory.
const Socket = "status.sock"

// Info is what a running process tells about itself, under the names that k0s uses, and that it is not k0s.
type Info struct {
	Version   string
	StandIn   bool
	Pid       int
	Role      string
	Workloads bool
	Args      []string
}

// Serve answers on the socket until ctx ends.
func Serve(ctx context.Context, path string, info Info) error {
	info.Version, info.StandIn = version.Version, true
	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("removing old status socket: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return fmt.Errorf("opening status socket: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(info)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 15 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving status: %w", err)
	}
	return nil
}

// Get asks the process behind the socket.
func Get(ctx context.Context, path string) (Info, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial}, Timeout: 10 * time.Second}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://k0s/status", nil)
	if err != nil {
		return Info{}, fmt.Errorf("making request: %w", err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return Info{}, fmt.Errorf("can't get \"status\" via %q: %w", path, err)
	}
	defer answer.Body.Close()
	var info Info
	if err := json.NewDecoder(answer.Body).Decode(&info); err != nil {
		return Info{}, fmt.Errorf("reading status: %w", err)
	}
	return info, nil
}
