// SPDX-License-Identifier: Apache-2.0

package command

// InNetns prefixes a command so that it runs in a network namespace. It is nsenter, because `ip netns exec`
// mounts /sys anew and so hides the cgroup mounts.
func InNetns(netns string, args ...string) []string {
	return append([]string{"nsenter", "--net=/run/netns/" + netns, "--"}, args...)
}
