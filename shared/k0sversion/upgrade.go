// SPDX-License-Identifier: Apache-2.0

package k0sversion

import "fmt"

// CheckUpgrade says whether a control plane may go from one version to the
// other: never to a lower minor, and at most one minor up at a time, because
// Kubernetes components support a skew of one. Patches and builds may move
// both ways within a minor. The error names the version to go to first.
func CheckUpgrade(from, to Version) error {
	switch {
	case to.minor < from.minor:
		return fmt.Errorf("version %s is a lower minor than %s: Kubernetes cannot be downgraded", to, from)
	case to.minor > from.minor+1:
		return fmt.Errorf("version %s skips minors after %s: upgrade to v1.%d first", to, from, from.minor+1)
	default:
		return nil
	}
}

// Reported is the running version in the form in which the spec states its
// own, as it belongs in status. Without a build number in the spec it is left
// out (Cluster API compares the strings, and an extra build number would read
// as a pending upgrade); with one the build that runs is reported, never the
// wished one.
func Reported(spec, running Version) string {
	if _, written := spec.Build(); written {
		return running.Release()
	}
	if spec.text == spec.Kubelet() {
		return running.Kubelet()
	}
	return running.Kubernetes()
}
