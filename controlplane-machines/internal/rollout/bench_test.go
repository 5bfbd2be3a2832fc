// SPDX-License-Identifier: Apache-2.0

package rollout_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/rollout"
)

// BenchmarkDecide measures a decision about five machines.
func BenchmarkDecide(b *testing.B) {
	for name, s := range map[string]controlplane.Snapshot{
		"Nothing": atRest(5, inDomains("a", "b", "c", "a", "b")),
		"Create":  atRest(5, allOutdated, recorded("cp-9"), inDomains("a", "b", "c", "a", "b")),
		"Delete":  atRest(5, want(3), inDomains("a", "b", "c", "a", "b")),
		"Wait":    atRest(5, want(3), machine("cp-2", sick)),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.Equal(b, name, string(rollout.Decide(s).Kind))
			}
		})
	}
}
