// SPDX-License-Identifier: Apache-2.0

// Package machine runs the lab's machines: systemd-nspawn containers that boot Debian and run the real cloud-init on
// the user data they are given, as a machine of a cloud does.
//
//	                 host                                    machine
//	rootfs (shared, read only) ─┐
//	<state>/<name>/upper ───────┴─ overlay ────────────────▶ /
//	<state>/<name>/upper/var/lib/cloud/seed/nocloud ───────▶ cloud-init, on the first boot
//	<state>/<name>/k0s (plain directory) ──────────────────▶ /var/lib/k0s, where containerd lays overlays of its own
//	<state>/<name>/etcd (in memory) ───────────────────────▶ /var/lib/k0s/etcd, if it is for a control plane
//	netns k0slab-<name> on the lab's bridge ───────────────▶ eth0
//	cgroup k0slab-machines/<name> ─────────────────────────▶ the root of its cgroups
//
// Overlay and cgroup mounts live in a mount namespace of the machine, so they end with it whatever ends it.
// A machine outlives the process that started it; everything about it is found again in files.
package machine
