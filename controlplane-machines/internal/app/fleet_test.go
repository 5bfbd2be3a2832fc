// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"math"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The limits that BenchmarkFleet holds.
const (
	// maxP99 is in milliseconds. It is the bound of a bucket of the metric, so the verdict is exact.
	maxP99 = 200
	// maxWrites is per Machine, from nothing to up to date.
	maxWrites = 40
	// maxIdleWrites is for the whole fleet at rest.
	maxIdleWrites = 0
	// baseMemory and clusterMemory are in MiB.
	baseMemory, clusterMemory = 150, 1
)

const (
	// fleetSize is the number of Clusters; the environment variable FLEET says another.
	fleetSize = 100
	// fleetReplicas is the number of controllers of each.
	fleetReplicas = 3
	// arrival is the time between two Clusters.
	arrival = 4 * time.Second
	// round is longer than the pause between any two looks of the manager at the same control plane, but that for
	// konnectivity agents.
	round = 30 * time.Second
)

// BenchmarkFleet lets the manager bring up 100 Clusters with 3 controllers each, one asked for every arrival, and leaves
// them alone then. It fails when a limit is broken: see the constants above. It wants a machine that does nothing else:
// passes wait for whatever holds up the API server.
//
// What is ours is the program as it is shipped, with all defaults, its webhooks and its ClusterCache; only leader election
// is off and nothing is logged. It has the real API server of envtest as management cluster. The outside world is played by
// package double, a Double and a Front for each Cluster: Cluster API's core as far as it writes what the manager reads, the
// bootstrap and the infrastructure provider, and k0s with its API server, which the manager reaches by TLS at an address of
// its own. All of them are faster than the real ones, which is the harder case: more happens at the same time.
//
// The Clusters come one after the other, and so that two cores have half of their time left: the manager limits itself to 100
// requests a second, a control plane takes a hundred in all, and each keeps the API server busy for 10 ms. If more is asked
// for at once, a pass mostly waits for its turn, and its time tells nothing.
//
// What is measured:
//
//   - p99-ms: the 99th percentile of the passes of the manager's controller, from the first Cluster to the last that is up
//     to date and at rest, as the manager's own metric has it.
//   - writes/machine: all requests of the manager to the management cluster but reads, per Machine, in that time. They
//     include what is written per Cluster: Secrets, status, conditions.
//   - idle-writes: such requests, and those to the workload clusters, in a round in which every control plane is looked at
//     again, because its Cluster was touched and because it is time to.
//   - rss-MiB: the highest resident memory of this process up to the end. The doubles, the workload clusters in memory,
//     their API servers and the test itself are in the same process and count: what is ours alone is less.
//   - s-to-up-to-date: from when the last Cluster was asked for.
//   - ms/write: how long the API server took, on average, for one of those that writes/machine counts. Some pass our
//     webhooks.
//   - stolen-%: the share of the processors' time that the host of this machine spent on others meanwhile.
//
// The last three, and passes/machine, are for information; they tell a slow manager from a slow machine.
func BenchmarkFleet(b *testing.B) {
	size := sizeOfFleet(b)
	machines := float64(size * fleetReplicas)
	f := newFleet(b)
	for b.Loop() {
		before, host := passes(b), processorsNow(b)
		f.create(b, size)
		took := f.arrives(b)
		up, written, write := passes(b).since(before), f.toManagement.count(), f.toManagement.average()
		stolen := processorsNow(b).stolenSince(host)
		idle := f.rests(b)
		report(b, []figure{
			{name: "s-to-up-to-date", value: took.Seconds(), limit: math.Inf(1)},
			{name: "passes/machine", value: up.count() / machines, limit: math.Inf(1)},
			{name: "ms/write", value: write, limit: math.Inf(1)},
			{name: "stolen-%", value: stolen, limit: math.Inf(1)},
			{name: "p99-ms", value: up.quantile(0.99) * 1000, limit: maxP99},
			{name: "writes/machine", value: written / machines, limit: maxWrites},
			{name: "idle-writes", value: idle, limit: maxIdleWrites},
			{name: "rss-MiB", value: residentMemory(b), limit: baseMemory + clusterMemory*float64(size)},
		})
		if b.Failed() {
			b.Logf("passes by time:\n%s\nwritten:\n%s", up, &f.toManagement)
		}
	}
}

func sizeOfFleet(b *testing.B) int {
	b.Helper()
	text, set := os.LookupEnv("FLEET")
	if !set {
		return fleetSize
	}
	size, err := strconv.Atoi(text)
	require.NoError(b, err, "FLEET")
	return size
}
