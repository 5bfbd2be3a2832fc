// SPDX-License-Identifier: Apache-2.0

package machineconfig

import (
	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/conditions"
)

// Report fills the status from what the pass has found out.
func Report(s *Scope) {
	available := conditions.IsTrue(s.Config, bootstrapv1.DataSecretAvailableCondition)
	switch {
	case s.DataSecret != nil:
		s.Status.DataSecretName = s.DataSecret.Name
		s.Status.Initialization.DataSecretCreated = new(true)
		conditions.True(s.Config, bootstrapv1.DataSecretAvailableCondition, bootstrapv1.AvailableReason, "")
	case s.dataSecretKnown && available:
		conditions.False(s.Config, bootstrapv1.DataSecretAvailableCondition, bootstrapv1.DataSecretMissingReason,
			"Secret "+s.Config.GetName()+" is gone, it is made again once the control plane can be joined")
	}
	if s.Joined {
		reportJoined(s)
	}
	conditions.Summary(s.Config, bootstrapv1.ReadyCondition, bootstrapv1.ReadyReason,
		bootstrapv1.DataSecretAvailableCondition,
		bootstrapv1.CertificatesAvailableCondition,
		bootstrapv1.ControlPlaneJoinableCondition,
	)
}

// reportJoined covers what the pass did not look at any more, also when the status was lost by a move to another
// management cluster. The Machine keeps the name of its bootstrap data, even if somebody has deleted that since.
func reportJoined(s *Scope) {
	if used := s.Machine.Spec.Bootstrap.DataSecretName; used != nil {
		s.Status.DataSecretName = *used
		s.Status.Initialization.DataSecretCreated = new(true)
	}
	for _, condition := range []string{
		bootstrapv1.DataSecretAvailableCondition,
		bootstrapv1.CertificatesAvailableCondition,
		bootstrapv1.ControlPlaneJoinableCondition,
	} {
		conditions.True(s.Config, condition, bootstrapv1.JoinedReason, "")
	}
}
