// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/status"
)

func TestStatusSaysThatItIsTheStandIn(t *testing.T) {
	path := filepath.Join(t.TempDir(), status.Socket)
	_, err := status.Get(t.Context(), path)
	require.ErrorContains(t, err, "can't get")

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- status.Serve(ctx, path, status.Info{Pid: 7, Role: "worker"}) }()
	var info status.Info
	require.Eventually(t, func() bool { info, err = status.Get(t.Context(), path); return err == nil },
		10*time.Second, 10*time.Millisecond)
	assert.Equal(t, status.Info{Version: "v1.36.3+k0s.2", StandIn: true, Pid: 7, Role: "worker"}, info)

	stop()
	require.NoError(t, <-ended)
}
