// SPDX-License-Identifier: Apache-2.0

package workerconfig

import (
	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/conditions"
)

// report fills the status from what the pass has found out.
func report(s *scope) {
	available := conditions.IsTrue(s.config, bootstrapv1.DataSecretAvailableCondition)
	switch {
	case s.dataSecret != nil:
		s.config.Status.DataSecretName = s.dataSecret.Name
		s.config.Status.Initialization.DataSecretCreated = new(true)
		conditions.True(s.config, bootstrapv1.DataSecretAvailableCondition, bootstrapv1.AvailableReason, "")
	case s.dataSecretKnown && available:
		conditions.False(s.config, bootstrapv1.DataSecretAvailableCondition, bootstrapv1.DataSecretMissingReason,
			"Secret "+s.config.Name+" is gone, it is made again once the control plane can be joined")
	}
	if s.joined {
		reportJoined(s)
	}
	conditions.Summary(s.config, bootstrapv1.ReadyCondition, bootstrapv1.ReadyReason,
		bootstrapv1.DataSecretAvailableCondition,
		bootstrapv1.CertificatesAvailableCondition,
		bootstrapv1.ControlPlaneJoinableCondition,
	)
}

// reportJoined covers what the pass did not look at any more, also when the status was lost by a move to another
// management cluster. The Machine keeps the name of its bootstrap data, even if somebody has deleted that since.
func reportJoined(s *scope) {
	if used := s.machine.Spec.Bootstrap.DataSecretName; used != nil {
		s.config.Status.DataSecretName = *used
		s.config.Status.Initialization.DataSecretCreated = new(true)
	}
	for _, condition := range []string{
		bootstrapv1.DataSecretAvailableCondition,
		bootstrapv1.CertificatesAvailableCondition,
		bootstrapv1.ControlPlaneJoinableCondition,
	} {
		conditions.True(s.config, condition, bootstrapv1.JoinedReason, "")
	}
}
