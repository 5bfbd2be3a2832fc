// SPDX-License-Identifier: Apache-2.0

package seen

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestStable(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"Names":    {"demo-workers-abcde-f0123 demo-workers-abcde", "demo-workers-x7k2p-9qd4m demo-workers-x7k2p"},
		"Times":    {"at 2026-11-23T03:00:04Z", "at 2026-01-01T00:00:00Z"},
		"Ages":     {"True   Ready   57s\nTrue   3m12s   v1", "True   Ready   2m\nTrue   2m   v1"},
		"Versions": {"Resource Version:  4711", "Resource Version:  1000"},
		"Addresses": {
			"https://10.211.0.217:6443 10.211.0.31 10.211.0.1", "https://10.211.0.200:6443 10.211.0.20 10.211.0.1",
		},
		"Words": {"waiting 2 members v1.36.3+k0s", "waiting 2 members v1.36.3+k0s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, Stable(test.text))
		})
	}
}
