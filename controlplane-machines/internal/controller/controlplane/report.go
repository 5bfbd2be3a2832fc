// SPDX-License-Identifier: Apache-2.0

package controlplane

import "github.com/k0smotron/k0smotron/controlplane-machines/internal/observation"

// report fills the status from the facts of the pass, whatever ended it.
func report(s *scope) {
	if !s.gathered {
		return // Paused, or nothing is known.
	}
	s.reportExpiry()
	observation.Status(s.observed(), s.action)
}
