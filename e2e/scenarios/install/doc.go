// SPDX-License-Identifier: Apache-2.0

// Package install checks the ways to install the providers: each alone with clusterctl, and with Helm. It removes and
// installs providers, so it runs while no other scenario does.
package install
