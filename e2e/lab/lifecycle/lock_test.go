// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

func TestOneCommandAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, out := &Lab{Paths: layout.Paths{State: dir}}, &strings.Builder{}
	second := &Lab{Paths: layout.Paths{State: dir}, Out: out}
	err := first.exclusively(t.Context(), func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 250*time.Millisecond)
		defer cancel()
		return second.exclusively(ctx, func(context.Context) error {
			t.Error("both at the same time")
			return nil
		})
	})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "process "+strconv.Itoa(os.Getpid()))
	assert.Equal(t, 1, strings.Count(out.String(), "waiting for process "+strconv.Itoa(os.Getpid())))

	other := &Lab{Paths: layout.Paths{State: dir + "-of-another"}}
	failure := errors.New("failed")
	require.ErrorIs(t, second.exclusively(t.Context(), func(ctx context.Context) error {
		return other.exclusively(ctx, func(context.Context) error { return failure })
	}), failure, "the lock has been released, and another lab has another one")
}

func TestTheNextCommandWaits(t *testing.T) {
	t.Parallel()
	lab := &Lab{Paths: layout.Paths{State: t.TempDir()}}
	lock, err := lab.acquire(t.Context())
	require.NoError(t, err)
	time.AfterFunc(50*time.Millisecond, func() { _ = lock.Close() })
	ran := false
	require.NoError(t, lab.exclusively(t.Context(), func(context.Context) error {
		ran = true
		return nil
	}))
	assert.True(t, ran)
}
