// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func execute(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	command := rootCommand()
	command.SetOut(&out)
	command.SetErr(&out)
	command.SetArgs(args)
	err := command.ExecuteContext(t.Context())
	return out.String(), err
}

func TestVersionIsTheReleaseItself(t *testing.T) {
	out, err := execute(t, "version")
	require.NoError(t, err)
	assert.Equal(t, "v1.36.3+k0s.2\n", out)
}

func TestUnknownInputIsRefused(t *testing.T) {
	for name, args := range map[string][]string{
		"command":             {"bogus"},
		"controller flag":     {"controller", "--bogus"},
		"worker flag":         {"worker", "--bogus"},
		"install flag":        {"install", "worker", "--bogus"},
		"controller argument": {"controller", "token"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := execute(t, args...)
			require.ErrorContains(t, err, "unknown")
		})
	}
}

func TestUnitRepeatsGivenFlags(t *testing.T) {
	command := rootCommand()
	worker, _, err := command.Find([]string{"install", "worker"})
	require.NoError(t, err)
	require.NoError(t, worker.ParseFlags([]string{
		"--force", "--env=A=b", "--token-file=/etc/token", "--labels=a=b,c=d", "--taints=k=v:NoSchedule",
		"--kubelet-extra-args=--node-ip=10.0.0.1 --v=2", "--enable-cloud-provider",
	}))
	args, err := unitArgs(worker.Flags())
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{
		"--token-file=/etc/token", "--labels=a=b,c=d", "--taints=k=v:NoSchedule",
		"--kubelet-extra-args=--node-ip=10.0.0.1 --v=2", "--enable-cloud-provider=true",
	}, args)
}
