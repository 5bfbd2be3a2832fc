// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRunTellsWhatIsGone(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out))
	require.Contains(t, out.String(), "mount /proc proc\n")

	file := filepath.Join(t.TempDir(), "before")
	before := strings.ReplaceAll(out.String(), "device lo\n", "device lo\ndevice dummy-of-a-test\n")
	require.NoError(t, os.WriteFile(file, []byte(before), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // nothing is waited for
	require.ErrorContains(t, run(ctx, []string{file}, &out), "gone: device dummy-of-a-test")
}

func TestRunWantsOneFile(t *testing.T) {
	require.ErrorContains(t, run(t.Context(), []string{"a", "b"}, nil), "at most one file")
	require.ErrorIs(t, run(t.Context(), []string{filepath.Join(t.TempDir(), "none")}, nil), os.ErrNotExist)
	assert.Positive(t, patience)
}
