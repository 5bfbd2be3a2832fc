// SPDX-License-Identifier: Apache-2.0

// Package contract is the one place that knows what Cluster API and our three providers have agreed on: owners and
// pause, contract fields of foreign kinds read from unstructured objects, the names, labels and annotations of children,
// and the Secret <cluster>-k0s-join through which a control plane tells bootstrap how to join.
//
// Lookups answer with a *phase.WaitError where the object is expected to appear, so that a phase can return the error
// as it is.
package contract
