// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/k0smotron/k0smotron/e2e/demo/progress"
)

// polling is how often a wait looks.
const polling = 200 * time.Millisecond

// Kind is the kind of that name among those that clusters are made of.
func Kind(t *testing.T, name string) schema.GroupVersionKind {
	t.Helper()
	for _, kind := range progress.Kinds() {
		if kind.Kind == name {
			return kind.GroupVersionKind
		}
	}
	require.Failf(t, "unknown kind", "%s", name)
	return schema.GroupVersionKind{}
}

// Condition is a condition of one object, and the status it shall have.
type Condition struct{ Kind, Name, Type, Status string }

// With is the same condition with another status.
func (c Condition) With(status string) Condition {
	c.Status = status
	return c
}

// Becomes waits until a condition of an object has a status and returns how long that took.
func (c Cluster) Becomes(t *testing.T, want Condition, within time.Duration) time.Duration {
	t.Helper()
	return c.Says(t, want, "", within)
}

// Is says why a condition of an object does not have a status now.
func (c Cluster) Is(t *testing.T, want Condition) error {
	t.Helper()
	now, _ := progress.Condition(c.Get(t, want.Kind, want.Name), want.Type)
	if now.Status != want.Status {
		return fmt.Errorf("%s/%s %s is %s (%s: %s), not %s",
			want.Kind, want.Name, want.Type, now.Status, now.Reason, now.Message, want.Status)
	}
	return nil
}

// Says waits until a condition has a status and a message that contains a text, and returns how long that took.
func (c Cluster) Says(t *testing.T, want Condition, text string, within time.Duration) time.Duration {
	t.Helper()
	var last progress.Status
	took := Eventually(t, within, func() error {
		last, _ = progress.Condition(c.Get(t, want.Kind, want.Name), want.Type)
		if last.Status != want.Status || !strings.Contains(last.Message, text) {
			return fmt.Errorf("%s/%s %s is %s (%s: %s), not %s %s",
				want.Kind, want.Name, want.Type, last.Status, last.Reason, last.Message, want.Status, text)
		}
		return nil
	})
	t.Logf("%s/%s %s=%s after %.1f s: %s %s",
		want.Kind, want.Name, want.Type, want.Status, took.Seconds(), last.Reason, last.Message)
	return took
}

// Eventually tries until there is no error and returns how long that took; after a time it fails the test with the last
// error. It also works while a test is cleaned up.
func Eventually(t *testing.T, within time.Duration, try func() error) time.Duration {
	t.Helper()
	return every(t, polling, within, try)
}

// every is Eventually for what is dear to look at.
func every(t *testing.T, pause, within time.Duration, try func() error) time.Duration {
	t.Helper()
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), within)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return time.Since(start)
		}
		select {
		case <-ctx.Done():
			require.NoError(t, err, "still so after %s", within)
		case <-time.After(pause):
		}
	}
}
