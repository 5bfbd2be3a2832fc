// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRunTellsWhatIsGone(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := command{out: &out}
	require.NoError(t, c.run(t.Context(), nil))
	require.Contains(t, out.String(), "mount /proc proc\n")

	file := filepath.Join(t.TempDir(), "before")
	before := strings.ReplaceAll(out.String(), "device lo\n", "device lo\ndevice dummy-of-a-test\n")
	require.NoError(t, os.WriteFile(file, []byte(before), 0o600))
	require.ErrorContains(t, c.run(t.Context(), []string{file}), "gone: device dummy-of-a-test")
}

func TestRunWantsOneFile(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, command{}.run(t.Context(), []string{"a", "b"}), "at most one file")
	require.ErrorIs(t, command{}.run(t.Context(), []string{filepath.Join(t.TempDir(), "none")}), os.ErrNotExist)
}
