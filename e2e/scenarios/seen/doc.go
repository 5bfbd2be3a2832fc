// SPDX-License-Identifier: Apache-2.0

// Package seen keeps docs/what-you-see.md true: the page is what kubectl prints in the lab, with what differs from run
// to run made equal.
package seen
