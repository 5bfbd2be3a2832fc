// SPDX-License-Identifier: Apache-2.0

package double

import (
	"slices"

	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

// Labels of an EtcdMember.
const (
	leaseLabel      = "k0s.k0sproject.io/controller-lease"
	invocationLabel = "k0s.k0sproject.io/shutdown-on-leave"
	shutdownLabel   = "k0s.k0sproject.io/shutdown"
)

// habit is something that only some releases of k0s do: the first release of each minor that does, oldest first. Minors
// after the last one do it from their start.
type habit []string

var (
	// labelsInvocation: the EtcdMember names the invocation of k0s, and members leave by themselves.
	labelsInvocation = habit{"v1.34.4", "v1.35.1", "v1.36.0"}
	// labelsLease: it names the lease, too.
	labelsLease = habit{"v1.34.5", "v1.35.2", "v1.36.0"}
	// addsLearners: members join as learners and write their EtcdMember when they are voters.
	addsLearners = habit{"v1.35.5", "v1.36.1"}
	// tellsVersion: the ControlNode says which release runs.
	tellsVersion = habit{"v1.31.7", "v1.32.3", "v1.33.0"}
)

// of tells whether a release has the habit.
func (h habit) of(release k0sversion.Version) bool {
	first := make([]k0sversion.Version, 0, len(h))
	for _, text := range h {
		version, err := k0sversion.Parse(text)
		if err != nil {
			panic(err) // The lists above are wrong.
		}
		first = append(first, version)
	}
	same := slices.IndexFunc(first, func(v k0sversion.Version) bool { return v.Minor() == release.Minor() })
	if same >= 0 {
		return release.Compare(first[same]) >= 0
	}
	return release.Minor() > first[len(first)-1].Minor()
}
