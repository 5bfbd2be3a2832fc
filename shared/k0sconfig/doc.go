// SPDX-License-Identifier: Apache-2.0

// Package k0sconfig computes the k0s configuration of a cluster from what the
// user wrote and what we know, without any I/O.
//
// # Whose value counts
//
// A user may write any ClusterConfig. Some of its fields are not the user's to
// choose, because the rest of the cluster is built on them: the address and
// ports of the endpoint, the storage that we run, the networks that the
// Cluster object states. These come from [Facts]. A user's value that says the
// same is fine; one that says something else is refused with the path, the
// value and what to do, never silently replaced, because half of the system
// would follow one and half the other. Names in the API's certificate are
// united.
//
// # Two places
//
// Every controller runs with --enable-dynamic-config. The configuration is
// therefore cut in two:
//
//   - NodeLocal is the k0s.yaml of every controller: what k0s reads only from
//     its file (api, storage, installConfig and parts of network), and what it
//     reads from the file as well as from the cluster and so must stand in
//     both (network.provider and podCIDR, dualStack, konnectivity's ports, the
//     feature gates of kube-apiserver). A change means restarting controllers.
//   - ClusterWide is the ClusterConfig kube-system/k0s in the workload cluster,
//     written by server-side apply: everything except what k0s strips from it.
//     A change restarts nothing; k0s reconciles it. k0s creates the object from
//     the file of the first controller, so k0s itself is a field owner of what
//     stands in both: a writer must take these fields over, or keys that a user
//     removes later stay.
//
// # Versions
//
// k0s refuses to start on configuration it does not know. What we add is
// rendered for the version that will read it, and a key of the user's that the
// version does not know is refused here, where somebody reads the message.
// One consequence reaches beyond the configuration: releases that cannot tell
// the external port from the port they listen on have to listen on the
// external one. [ListenPorts] and [Config.Ports] tell the ports.
package k0sconfig
