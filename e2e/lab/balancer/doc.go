// SPDX-License-Identifier: Apache-2.0

// Package balancer is what a cloud has in front of control planes on machines: TCP load balancers, each with an address
// of its own on the lab's segment, which pass connections on to those machines that answer.
//
//	client ─▶ netns k0slab-lb 10.211.0.150:6443 ─▶ machine agent (host) ─▶ 10.211.0.20:6443, 10.211.0.21:6443 …
//
// A back end is used while a connection to it can be made, tried every second; when it cannot any more, the connections
// that it had are ended, since a machine without power never says so itself. A balancer outlives the process that serves
// it: everything about it is found again in a file.
package balancer
