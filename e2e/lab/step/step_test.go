// SPDX-License-Identifier: Apache-2.0

package step

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	testingclock "k8s.io/utils/clock/testing"
)

func TestRunPrintsALineForEachAndStopsAtTheFirstFailure(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	clock := testingclock.NewFakeClock(time.Unix(0, 0))
	failure := errors.New("broken")
	err := NewPrinter(&out, clock).Run(t.Context(),
		Step{"first", func(context.Context) (string, error) {
			clock.Step(1500 * time.Millisecond)
			return "a note", nil
		}},
		Step{"second", func(context.Context) (string, error) { return "", failure }},
		Step{"third", func(context.Context) (string, error) { t.Error("must not run"); return "", nil }},
	)
	require.ErrorIs(t, err, failure)
	require.ErrorContains(t, err, "second")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 2)
	assert.Equal(t, []string{"✓", "first", "1.5s", "a", "note"}, strings.Fields(lines[0]))
	assert.Equal(t, []string{"✗", "second", "0.0s"}, strings.Fields(lines[1]))
}

func TestParallelRunsTogetherAndReturnsTheFirstFailure(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	meet := make(chan struct{})
	failure := errors.New("broken")
	err := NewPrinter(&out, testingclock.NewFakeClock(time.Unix(0, 0))).Parallel(t.Context(),
		Step{"waits", func(ctx context.Context) (string, error) {
			close(meet)
			<-ctx.Done() // the other one's failure ends this one
			return "", ctx.Err()
		}},
		Step{"fails", func(context.Context) (string, error) {
			<-meet
			return "", failure
		}},
	)
	require.ErrorIs(t, err, failure)
	assert.Equal(t, 2, strings.Count(out.String(), "✗"))

	require.NoError(t, NewPrinter(&out, testingclock.NewFakeClock(time.Unix(0, 0))).Parallel(t.Context(),
		Step{"fine", func(context.Context) (string, error) { return "", nil }}))
}
