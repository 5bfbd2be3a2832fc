// SPDX-License-Identifier: Apache-2.0

// Package rollout decides what one pass over a control plane on Machines does: create a Machine, delete one, wait, or
// nothing. [Decide] is a pure function of a snapshot, so it is tried on random histories of machines, etcd, stale caches and
// crashes by the hundred thousand; the histories know nothing of how it decides.
//
// # The chain
//
// A pass first works out what is wanted (one Machine more, one less, neither) and then whether that is safe now. Both are
// links of one ordered list, [Checks]. A link can answer with an action, which ends the pass; it can change or narrow what
// is wanted; or it can pass. What is wanted when the chain ends is done.
//
// # Names come first
//
// Create without a name records one, and the pass ends. Only the next one creates, under the recorded name, all objects
// of the Machine. So however often a pass is repeated or dies in between, it continues the same Machine: there are no two.
//
// # One at a time
//
// A pass changes one thing. While a Machine is on its way in or out, no member is added or removed, with two exceptions that
// cannot cost a vote: what never became a member is removed, and a dead member without a Machine is.
package rollout
