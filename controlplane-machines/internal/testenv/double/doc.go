// SPDX-License-Identifier: Apache-2.0

// Package double stands in for all that a control plane on Machines needs and no test environment runs. A test or a
// benchmark has the real reconciler, a real API server as management cluster, and this.
//
// # What it plays
//
//   - Cluster API's core, for Machines: finalizer, ownership of config and infrastructure, what it copies from them, hooks
//     at deletion.
//   - The bootstrap provider: it gives the first controller its data when the infrastructure of the Cluster is there, any
//     other when another Machine is a healthy member by its conditions.
//   - The infrastructure provider, for the test infrastructure of shared/testenv: it makes a machine as soon as there are
//     data for it, with a providerID and an internal address.
//   - k0s on these machines: EtcdMember, ControlNode and lease, a leader that lets members leave, a ClusterConfig, and a
//     Node where the controller runs workloads, written as the release writes them that the config or the Machine names.
//   - etcd, as far as it matters: voters, learners and the quorum. While there is none, k0s writes nothing and the
//     workload cluster does not answer.
//
// Host names differ from Machine names, and the clock of the machines is behind, so that nothing can be guessed.
//
// # How it is played
//
// Nothing happens by itself: Turn lets everybody do once what is to be done, so a test alternates passes and turns and
// is the same at every run. Where managers run, Play takes turns until the test ends. A controller needs two turns to
// join, and two to leave: what happens in between can be tested. A Double is safe for concurrent use.
//
// A workload cluster is an API server's (Server), or in memory (InMemory). Serve puts one in memory behind an address of its
// own, so that a manager with all its connections, and many workload clusters, can run in one process.
//
// Faults are methods: Kill, Freeze, Stop, Restart, NextJoinerDies, Disconnect. Alarms tells what must never happen: a
// second cluster under the same name, or a quorum that was lost.
//
// # What it does not play
//
// Drain and volumes; join tokens; the data of etcd; the API server's certificates: the workload cluster's clients are an
// administrator's. All kinds are served from the start, although k0s serves EtcdMember only where it runs etcd.
package double
