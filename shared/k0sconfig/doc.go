// SPDX-License-Identifier: Apache-2.0

// Package k0sconfig computes the k0s configuration of a cluster.
package k0sconfig
