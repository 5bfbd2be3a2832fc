// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
)

func TestRunTellsWhatFailedAndWhy(t *testing.T) {
	err := command.Run(t.Context(), "sh", "-c", "echo the reason >&2; exit 3")
	require.Error(t, err)
	assert.Contains(t, err.Error(), "sh -c")
	assert.Contains(t, err.Error(), "the reason")
	assert.Contains(t, err.Error(), "exit status 3")
}

func TestFeed(t *testing.T) {
	require.NoError(t, command.Feed(t.Context(), strings.NewReader("x"), "grep", "x"))
	require.Error(t, command.Feed(t.Context(), strings.NewReader("y"), "grep", "x"))
}

func TestOutputIsStandardOutputAlone(t *testing.T) {
	output, err := command.Output(t.Context(), "sh", "-c", "echo result; echo noise >&2")
	require.NoError(t, err)
	assert.Equal(t, "result\n", output)

	_, err = command.Output(t.Context(), "sh", "-c", "echo noise >&2; exit 1")
	assert.ErrorContains(t, err, "noise")
}
