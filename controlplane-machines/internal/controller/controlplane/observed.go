// SPDX-License-Identifier: Apache-2.0

package controlplane

import "github.com/k0smotron/k0smotron/controlplane-machines/internal/observation"

// observed is what the pass has gathered so far, for the packages that judge.
func (s *scope) observed() observation.Objects {
	return observation.Objects{
		Now:            s.now,
		ControlPlane:   s.controlPlane,
		Cluster:        s.cluster,
		Machines:       s.machines,
		Configs:        s.configs,
		Infrastructure: s.infrastructure,
		Certificates:   s.pairs != nil,
		Workers:        s.workers,
		Storage:        s.storage(),
		MaxLearners:    s.learners,
		Workload:       s.k0s,
		Report:         s.report,
		Trouble:        s.trouble,
		Failure:        s.failure,
	}
}
