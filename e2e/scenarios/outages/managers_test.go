// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package outages

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/framework"
)

// moment is when an object of a kind is there whose name is the cluster's and this pattern: the manager is in the midst of
// its work then.
type moment struct{ kind, pattern string }

// Managers that die again and again while a cluster comes up and goes leave no orphan, no second token and no second CA.
// The kubelet waits longer before each start, so the fourth costs 40 s, and the lease of the dead one 15 s each time.
func TestManagersDie(t *testing.T) {
	for _, test := range []struct {
		manager, cluster string
		moments          []moment
		// owns is the kind whose deletion the manager takes part in.
		owns string
	}{
		{
			framework.ControlPlaneManager, "die-control",
			[]moment{{"secret", "-ca"}, {"statefulset", "-controlplane"}, {"secret", "-k0s-join"}},
			"K0smotronControlPlane",
		},
		{
			framework.BootstrapManager, "die-boot",
			[]moment{
				{"k0sworkerconfig", "-workers-[^-]+-[^-]+"},
				{"secret", "-workers-[^-]+-[^-]+-token"},
				{"secret", "-workers-[^-]+-[^-]+"},
			},
			"K0sWorkerConfig",
		},
	} {
		t.Run(test.manager, func(t *testing.T) {
			// The next scenario finds a manager that the kubelet starts at once.
			t.Cleanup(func() { lab.ReplaceManager(t, test.manager) })
			cluster := lab.Create(t, test.cluster)
			framework.KillManager(t, test.manager)
			first := map[string]string{}
			for _, moment := range test.moments {
				moment.await(t, cluster)
				for suffix, authority := range authorities(t, cluster.Name) {
					assert.Equal(t, authority, cmp.Or(first[suffix], authority), "secret %s%s", cluster.Name, suffix)
					first[suffix] = authority
				}
				framework.KillManager(t, test.manager)
			}
			cluster.Works(t, 10*time.Minute)
			all := authorities(t, cluster.Name)
			require.Len(t, all, 4)
			for suffix, authority := range first {
				assert.Equal(t, authority, all[suffix], "secret %s%s", cluster.Name, suffix)
			}
			assert.Len(t, cluster.List(t, "Machine"), 1)
			assertNoToken(t, cluster.Name)

			lab.Kubectl(t, "delete", "cluster", cluster.Name, "--wait=false")
			awaitDeletion(t, cluster, test.owns)
			framework.KillManager(t, test.manager)
			cluster.Delete(t)
			cluster.NothingLeft(t)
		})
	}
}

// await waits until the moment has come.
func (m moment) await(t *testing.T, cluster framework.Cluster) {
	t.Helper()
	name := regexp.MustCompile("^[^/]+/" + cluster.Name + m.pattern + "$")
	took := framework.Eventually(t, 6*time.Minute, func() error {
		there := strings.Fields(lab.Kubectl(t, "get", m.kind, "-o", "name"))
		if slices.ContainsFunc(there, name.MatchString) {
			return nil
		}
		return fmt.Errorf("no %s is called %s%s, there are %v", m.kind, cluster.Name, m.pattern, there)
	})
	t.Logf("%s %s is there after %.1f s", m.kind, m.pattern, took.Seconds())
}

// awaitDeletion waits until all objects of a kind are being deleted, if they are still there.
func awaitDeletion(t *testing.T, cluster framework.Cluster, kind string) {
	t.Helper()
	framework.Eventually(t, 3*time.Minute, func() error {
		for _, object := range cluster.List(t, kind) {
			if object.GetDeletionTimestamp() == nil {
				return fmt.Errorf("%s %s is not being deleted", kind, object.GetName())
			}
		}
		return nil
	})
}
