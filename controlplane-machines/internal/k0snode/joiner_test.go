// SPDX-License-Identifier: Apache-2.0

package k0snode_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
)

// TestAJoinerBesideCountedLeases: where leases can only be counted, one that joins and holds none yet makes it unknown who
// works. What was known is shown meanwhile, for as long as the grace period, and nothing is decided on it. A lease that is
// missing although nobody joins is told at once.
func TestAJoinerBesideCountedLeases(t *testing.T) {
	t.Parallel()
	const old = "v1.33.1+k0s.0"
	for name, storage := range map[string]k0snode.Storage{
		"Etcd": k0snode.StorageEtcd, "Elsewhere": k0snode.StorageForeign,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.controller("m1", old)
			w.controller("m2", old)
			memory := k0snode.Memory{}
			looks := func(d time.Duration, machines ...string) k0snode.State {
				var report k0snode.Report
				for ; d > 0; d -= 10 * time.Second {
					w.pass(10 * time.Second)
					facts := w.facts(machines...)
					facts.Storage = storage
					report, memory = k0snode.Judge(memory, facts)
				}
				return report.States["m1"]
			}
			assert.True(t, looks(time.Minute, "m1", "m2").IsHealthyVoter())

			joining := looks(time.Minute, "m1", "m2", "m3")
			assert.Equal(t, controlplane.Healthy, joining.Health)
			assert.False(t, joining.Current)
			assert.False(t, joining.IsHealthyVoter())
			joining = looks(k0snode.GracePeriod, "m1", "m2", "m3")
			assert.Equal(t, controlplane.HealthUnknown, joining.Health)
			assert.Contains(t, joining.Message, "that joins")

			w.controller("m3", old)
			assert.True(t, looks(time.Minute, "m1", "m2", "m3").IsHealthyVoter())
			w.stopped[lease("m3")] = true
			missing := looks(time.Minute, "m1", "m2", "m3")
			assert.Equal(t, controlplane.HealthUnknown, missing.Health)
			assert.True(t, missing.Current)
		})
	}
}
