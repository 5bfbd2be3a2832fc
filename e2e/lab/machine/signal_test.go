// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSignalsReachTheProgramThatIsMeant(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		signal Signal
		want   int
	}{
		"all of a program":  {Signal{Process: "sleep"}, 2},
		"one by argument":   {Signal{Process: "sleep", Argument: "61.125"}, 1},
		"part of argument":  {Signal{Process: "sleep", Argument: "61"}, 0},
		"another program":   {Signal{Process: "sleeper"}, 0},
		"the whole path":    {Signal{Process: "/bin/sleep"}, 0},
		"program as an arg": {Signal{Process: "sleep", Argument: "sleep"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			processes := []*exec.Cmd{exec.Command("sleep", "61.125"), exec.Command("sleep", "61.25")}
			pids := []string{"0", "-1", "self", "4194399"}
			for _, process := range processes {
				require.NoError(t, process.Start())
				pids = append(pids, strconv.Itoa(process.Process.Pid))
			}
			count, err := signalAll(pids, syscall.SIGUSR1, c.signal)
			require.NoError(t, err)
			assert.Equal(t, c.want, count)

			signalled := 0
			for _, process := range processes {
				_ = process.Process.Kill() // One that has got the signal has ended.
				_ = process.Wait()
				if process.ProcessState.Sys().(syscall.WaitStatus).Signal() == syscall.SIGUSR1 {
					signalled++
				}
			}
			assert.Equal(t, c.want, signalled)
		})
	}
}

func TestSignalsForNobody(t *testing.T) {
	t.Parallel()
	host := NewHost(Config{State: t.TempDir(), Run: t.TempDir(), Pool: DefaultPool()})
	_, err := host.Signal("x", Signal{Name: "STOP", Process: "etcd"})
	require.ErrorIs(t, err, ErrNotFound)
	_, err = host.claim(Spec{Name: "x"})
	require.NoError(t, err)
	_, err = host.Signal("x", Signal{Name: "STOP", Process: "etcd"})
	require.ErrorIs(t, err, ErrNotFound)
	require.ErrorContains(t, err, "process etcd")

	for _, wrong := range []Signal{{Name: "NONE", Process: "etcd"}, {Name: "STOP"}, {Process: "etcd"}} {
		_, err = host.Signal("x", wrong)
		require.ErrorIs(t, err, ErrInvalid, "%v", wrong)
	}
}
