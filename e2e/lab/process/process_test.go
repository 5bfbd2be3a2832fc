// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newSet(t *testing.T) Set {
	t.Helper()
	dir := t.TempDir()
	s := Set{PIDs: filepath.Join(dir, "run"), Logs: filepath.Join(dir, "logs")}
	t.Cleanup(func() {
		names, _ := s.Names()
		for _, name := range names {
			_ = s.Stop(context.WithoutCancel(t.Context()), name, time.Second)
		}
	})
	return s
}

func sleeper(args ...string) Spec {
	return Spec{Name: "sleeper", Args: append([]string{"sh", "-c", "echo started; exec sleep 60"}, args...)}
}

func TestEnsureStartsOnce(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	started, err := s.Ensure(t.Context(), sleeper())
	require.NoError(t, err)
	assert.True(t, started)
	first, running := s.PID("sleeper")
	require.True(t, running)

	started, err = s.Ensure(t.Context(), sleeper())
	require.NoError(t, err)
	assert.False(t, started)
	second, _ := s.PID("sleeper")
	assert.Equal(t, first, second)
	assert.Eventually(t, func() bool {
		log, err := os.ReadFile(s.LogFile("sleeper"))
		return err == nil && string(log) == "started\n"
	}, 5*time.Second, 10*time.Millisecond)
}

func TestEnsureStartsAnewWhatChanged(t *testing.T) {
	t.Parallel()
	input := filepath.Join(t.TempDir(), "config")
	changes := map[string]func() Spec{
		"Arguments": func() Spec { return sleeper("another") },
		"Input": func() Spec {
			require.NoError(t, os.WriteFile(input, []byte("new"), 0o600))
			spec := sleeper()
			spec.Inputs = []string{input}
			return spec
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			s := newSet(t)
			require.NoError(t, os.WriteFile(input, []byte("old"), 0o600))
			spec := sleeper()
			spec.Inputs = []string{input}
			_, err := s.Ensure(t.Context(), spec)
			require.NoError(t, err)
			first, _ := s.PID("sleeper")

			started, err := s.Ensure(t.Context(), change())
			require.NoError(t, err)
			assert.True(t, started)
			second, running := s.PID("sleeper")
			assert.True(t, running)
			assert.NotEqual(t, first, second)
		})
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"Obedient":  {"sh", "-c", "exec sleep 60"},
		"Obstinate": {"sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"},
		"Ended":     {"true"},
	}
	for name, args := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSet(t)
			_, err := s.Ensure(t.Context(), Spec{Name: "p", Args: args})
			require.NoError(t, err)
			require.NoError(t, s.Stop(t.Context(), "p", 100*time.Millisecond))
			_, running := s.PID("p")
			assert.False(t, running)
			names, err := s.Names()
			require.NoError(t, err)
			assert.Empty(t, names)
		})
	}
}

func TestAReusedPIDIsNotMistaken(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	require.NoError(t, os.MkdirAll(s.PIDs, 0o755))
	content, err := json.Marshal(record{PID: os.Getpid(), Start: "1", Digest: "x"})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.pidFile("other"), content, 0o600))
	_, running := s.PID("other")
	assert.False(t, running)
	require.NoError(t, s.Stop(t.Context(), "other", time.Second), "which must not end this test")
}

func TestEnsureReportsWhatCannotStart(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	_, err := s.Ensure(t.Context(), Spec{Name: "p", Args: []string{"/does/not/exist"}})
	require.ErrorContains(t, err, "starting p")
	_, err = s.Ensure(t.Context(), Spec{Name: "p", Args: []string{"true"}, Inputs: []string{"/does/not/exist"}})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestWithArgument(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	_, err := s.Ensure(t.Context(), Spec{Name: "p", Args: []string{"sleep", "61.25"}})
	require.NoError(t, err)
	pid, _ := s.PID("p")
	assert.Eventually(t, func() bool {
		found, err := WithArgument("sleep", "61.25")
		return err == nil && len(found) == 1 && found[0] == strconv.Itoa(pid)
	}, 5*time.Second, 10*time.Millisecond)
	found, err := WithArgument("sleep", "61")
	require.NoError(t, err)
	assert.Empty(t, found)
}

func TestMarkedFindsWhatLostItsPIDFile(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	// A program that starts another one, as containerd starts its shims.
	_, err := s.Ensure(t.Context(), Spec{Name: "p", Args: []string{"sh", "-c", "sleep 61.75 & sleep 61.5"}})
	require.NoError(t, err)
	require.NoError(t, os.Remove(s.pidFile("p")))
	find := func() ([]string, error) { return Marked(s.PIDs) }
	require.Eventually(t, func() bool {
		found, err := find()
		return err == nil && len(found) == 3
	}, 5*time.Second, 10*time.Millisecond)
	above, err := Marked(filepath.Dir(s.PIDs))
	require.NoError(t, err)
	assert.Len(t, above, 3, "those of a directory below count")

	killed, err := KillAll(t.Context(), find)
	require.NoError(t, err)
	assert.Len(t, killed, 3)
	found, err := find()
	require.NoError(t, err)
	assert.Empty(t, found)
}

func TestIsMarked(t *testing.T) {
	t.Parallel()
	for environ, want := range map[string]bool{
		"A=b\x00K0SMOTRON_LAB=/run/lab\x00C=d\x00": true,
		"K0SMOTRON_LAB=/run/lab/machines\x00":      true,
		"K0SMOTRON_LAB=/run/lab-of-another\x00":    false,
		"K0SMOTRON_LAB=/run\x00":                   false,
		"NO_K0SMOTRON_LAB=/run/lab\x00":            false,
		"":                                         false,
	} {
		assert.Equal(t, want, isMarked([]byte(environ), "/run/lab"), "%q", environ)
	}
}

func TestKillAllNeverKillsItself(t *testing.T) {
	t.Parallel()
	for _, pid := range []string{"0", "-1", strconv.Itoa(os.Getpid()), "self"} {
		_, err := KillAll(t.Context(), func() ([]string, error) { return []string{pid}, nil })
		require.Error(t, err, pid)
	}
}

func TestKillAllGivesUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	// No process has this id: ids end at 4194304.
	_, err := KillAll(ctx, func() ([]string, error) { return []string{"4194399"}, nil })
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
