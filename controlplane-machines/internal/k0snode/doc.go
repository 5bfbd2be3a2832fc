// SPDX-License-Identifier: Apache-2.0

// Package k0snode tells, from what k0s writes into its own cluster, which Machine is which controller, whether it is a
// member of etcd and whether it works; and it decides how a controller leaves.
//
// # Names
//
// Bootstrap data fixes them: the member of etcd and the ControlNode are called like the Machine. Host names and addresses
// are never compared: they repeat, change and lie.
//
// # Health
//
// k0s renews the lease k0s-ctrl-<node> every 5 seconds, through its own kube-apiserver and its own member of etcd. A lease
// that is renewed therefore proves k0s, the API server, the member, and that the member takes part in a quorum. etcd itself
// cannot be asked: its client port listens on the loopback interface only.
//
// The clock of a controller may be wrong, so what stands in the lease is not compared with ours. What counts is when,
// by our clock, the lease was seen to change: see [Memory].
//
// Which lease is whose depends on the k0s release, read in its source at the tags named here:
//
//   - From v1.34.5, v1.35.2 and v1.36 on, the EtcdMember names it in the label k0s.k0sproject.io/controller-lease.
//   - v1.34.4 and v1.35.1 name only the invocation, in k0s.k0sproject.io/shutdown-on-leave: a random number that each
//     process of k0s draws at its start and holds its lease with. The lease that it holds is the member's.
//   - Older releases name neither, and the name of the lease is a host name. There it is counted: every process of k0s
//     holds at most one lease, so when as many leases are renewed as there are machines that may run a controller, all of
//     them work; when none is renewed, none works; in between it is not known which.
//   - The same holds for all releases where k0s runs no etcd (kine, an etcd of the user): a ControlNode does not name its
//     lease either. Its label kubernetes.io/hostname is the ControlNode's own name on a controller without a kubelet.
//
// # Membership
//
// A member is voting when its EtcdMember says Joined=True. From v1.35.5 and v1.36.1 on k0s adds learners and writes
// the EtcdMember only when it has promoted them; older releases add voters at once. A learner is invisible from outside
// until then, so a Machine that was given its data and has no EtcdMember may be one.
package k0snode
