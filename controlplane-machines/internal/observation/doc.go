// SPDX-License-Identifier: Apache-2.0

// Package observation makes one picture of what a pass over a control plane has read: the snapshot that decisions are
// made from, the conditions of the Machines, and the status of the control plane. It reads and writes nothing.
//
// # What is shown and what is decided on
//
// Verdicts about controllers are kept for a while when there is no new evidence, so that conditions do not flap when the
// workload cluster is silent for a moment or the manager is restarted. Nothing is decided on a verdict that is kept: in a
// [Snapshot] such a controller is one of which nothing is known.
package observation
