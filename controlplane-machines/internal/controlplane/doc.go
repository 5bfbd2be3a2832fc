// SPDX-License-Identifier: Apache-2.0

// Package controlplane holds what one pass over a control plane on Machines decides from: a [Snapshot] of plain values,
// gathered by the reconciler and read by the decisions. It knows nothing of Kubernetes, so that decisions are pure
// functions and can be tried by the hundred thousand.
//
// # Names
//
// One name runs through everything: that of the Machine. Its infrastructure machine, its K0sControllerConfig, its member
// of etcd and its ControlNode are called like it. So a name is enough to say what is created or deleted, and an object
// whose name no Machine has is left over from something.
//
// # What is read live
//
// A snapshot may be gathered from caches. A pass that is about to create or delete, or to record that the cluster is
// initialised, gathers again with three things read live, and decides again: the Machines, the control plane object (its
// wishes, the recorded name, Initialized) and nothing else. All other facts may be seconds old, and the decisions are safe
// with that: they are tried with such facts.
package controlplane
