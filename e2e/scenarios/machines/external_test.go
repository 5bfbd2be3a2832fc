// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package machines

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/framework"
	"github.com/k0smotron/k0smotron/e2e/lab/machine"
)

// etcdPrefix is where the cluster keeps its data in an etcd that others may use, too.
const etcdPrefix = "/external"

// A control plane whose data is in an etcd of the user's grows, is replaced and shrinks while a client writes all the time.
// There is no quorum to lose and there are no members to add or remove, but what was acknowledged stays all the same.
func TestExternalEtcd(t *testing.T) {
	framework.NeedsK0s(t)
	timed(t)
	etcd := lab.StartEtcd(t)
	cluster := lab.CreateOnMachines(t, "external", storedIn(t, etcd))
	cluster.Works(t, fromNothing(1))
	cluster.StableElsewhere(t, 1, fromNothing(1))

	t.Run("To3", func(t *testing.T) {
		whileWriting(t, cluster, func() {
			cluster.Scale(t, 3)
			cluster.StableElsewhere(t, 3, 12*time.Minute)
		})
		assertKeptIn(t, cluster, etcd)
	})
	t.Run("Recreate", func(t *testing.T) {
		before := cluster.ControllerNames(t)
		longest := whileWriting(t, cluster, func() {
			cluster.Replaced(t, "external-controllers-2")
			gone(t, cluster, before)
			cluster.StableElsewhere(t, 3, 10*time.Minute)
		})
		assert.LessOrEqual(t, longest, tolerable, "nothing could be written")
	})
	t.Run("To1", func(t *testing.T) {
		whileWriting(t, cluster, func() {
			cluster.Scale(t, 1)
			cluster.StableElsewhere(t, 1, 12*time.Minute)
		})
		assertKeptIn(t, cluster, etcd)
	})
	goesAway(t, cluster)
}

// storedIn is a Change that keeps the data of the cluster in an etcd that k0s does not run.
func storedIn(t *testing.T, etcd *framework.Etcd) framework.Change {
	t.Helper()
	const spec = "      kind: ClusterConfig\n      spec:\n"
	return framework.Replace(t, spec, spec+"        storage:\n          type: etcd\n          etcd:\n"+
		"            externalCluster:\n              endpoints: ["+etcd.Endpoint+"]\n              etcdPrefix: "+etcdPrefix+"\n")
}

// whileWriting does something while a client writes all the time. It fails the test if something that was acknowledged is
// lost, and returns the longest time in which nothing could be written.
func whileWriting(t *testing.T, cluster framework.Cluster, do func()) time.Duration {
	t.Helper()
	timed(t)
	writer := cluster.Writes(t)
	do()
	return writer.Stop(t)
}

// assertKeptIn checks that what the client wrote is in that etcd, and that no machine runs another one.
func assertKeptIn(t *testing.T, cluster framework.Cluster, etcd *framework.Etcd) {
	t.Helper()
	count, err := etcd.Keys(t.Context(), etcdPrefix+"/configmaps/default/")
	require.NoError(t, err)
	assert.Positive(t, count, "ConfigMaps in %s", etcd.Endpoint)
	for _, controller := range cluster.ControllerNames(t) {
		// The signal changes nothing: whether anybody gets it is what is asked.
		_, err := lab.Agent.Signal(t.Context(), controller, machine.Signal{Name: "CONT", Process: "etcd"})
		assert.ErrorIs(t, err, machine.ErrNotFound, "etcd on %s", controller)
	}
}
