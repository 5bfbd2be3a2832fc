// SPDX-License-Identifier: Apache-2.0

// Package seen keeps the pages docs/what-you-see.md true, that of the project and that of control planes on machines: they
// are what kubectl prints in the lab, with what differs from run to run made equal.
package seen
