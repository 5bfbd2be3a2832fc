// SPDX-License-Identifier: Apache-2.0

// Package mgmt runs the lab's management cluster: plain Kubernetes programs in a network namespace of their own,
// as children of nobody, with one node that is this machine.
package mgmt
