// SPDX-License-Identifier: Apache-2.0

package process_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/process"
)

type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(data)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func TestStopAsksAndWaits(t *testing.T) {
	out := &output{}
	script := `trap "echo stopped; exit 0" TERM; echo started; while :; do sleep 0.1; done`
	program := &process.Process{
		Name:   "p",
		Path:   "/bin/sh",
		Args:   []string{"-c", script},
		Dir:    t.TempDir(),
		UID:    os.Geteuid(),
		Output: out,
	}
	var group process.Group
	require.NoError(t, group.Start(t.Context(), program))
	require.Eventually(t, func() bool { return out.String() == "started\n" }, 10*time.Second, 10*time.Millisecond)
	group.StopAll()
	assert.Contains(t, out.String(), "stopped")
}

func TestFirstStartMustSucceed(t *testing.T) {
	program := &process.Process{
		Name:   "p",
		Path:   filepath.Join(t.TempDir(), "missing"),
		UID:    os.Geteuid(),
		Output: &output{},
	}
	require.ErrorIs(t, program.Start(t.Context()), os.ErrNotExist)
	program.Stop()
}

func TestFindPrefersStaged(t *testing.T) {
	bin := t.TempDir()
	_, err := process.Find(bin, "surely-not-on-path")
	require.ErrorContains(t, err, "surely-not-on-path")
	require.NoError(t, os.WriteFile(filepath.Join(bin, "sh"), nil, 0o700))
	path, err := process.Find(bin, "sh")
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(bin, "sh"), path)
}

func TestWaitForTellsTheLastReason(t *testing.T) {
	reason := errors.New("not yet")
	err := process.WaitFor(t.Context(), 150*time.Millisecond, func(context.Context) error { return reason })
	require.ErrorIs(t, err, reason)
}
