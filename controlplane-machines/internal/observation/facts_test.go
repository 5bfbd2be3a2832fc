// SPDX-License-Identifier: Apache-2.0

package observation_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/observation"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// TestFacts: what the judge is told, and what the conditions of a Machine said before the manager was restarted.
func TestFacts(t *testing.T) {
	t.Parallel()
	o := atRest(t, 4, waiting)
	conditions.True(o.Machines[0], contract.K0sControllerHealthyCondition, "Test", "")
	conditions.False(o.Machines[1], contract.K0sControllerHealthyCondition, "Test", "")
	conditions.Unknown(o.Machines[2], contract.K0sControllerHealthyCondition, "Test", "")
	assert.Equal(t, k0snode.Facts{
		Now: o.Now, Storage: k0snode.StorageEtcd, Objects: o.Workload,
		Machines: []k0snode.Machine{
			{Name: "m1", DataGiven: true, WasMember: true, Reported: controlplane.Healthy},
			{Name: "m2", DataGiven: true, WasMember: true, Reported: controlplane.Unhealthy},
			{Name: "m3", DataGiven: true, WasMember: true, Reported: controlplane.HealthUnknown},
			{Name: "m4", Reported: controlplane.HealthUnknown},
		},
	}, observation.Facts(o))
}

// TestMemberRecord: that a controller was a member is recorded when it is seen, and that it has left, too.
func TestMemberRecord(t *testing.T) {
	t.Parallel()
	membership := func(is controlplane.Membership) change {
		return state("m1", func(s *k0snode.State) { s.Membership = is })
	}
	cases := map[string]struct {
		reason  string
		changes []change
		want    string
	}{
		"Voting":  {reason: "it is seen", want: contract.MemberJoined},
		"Left":    {reason: "it is seen", changes: []change{membership(controlplane.Left)}, want: contract.MemberLeft},
		"Learner": {reason: "it is no member, or its object is lost", changes: []change{membership(controlplane.Learner)}},
		"Unknown": {reason: "nothing is seen", changes: []change{membership(controlplane.Unknown)}},
		"Silent":  {reason: "what is kept was recorded before", changes: []change{silent}},
		"NotLookedAt": {
			reason:  "nothing is known",
			changes: []change{func(_ *testing.T, o *observation.Objects) { o.Report = k0snode.Report{} }},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := atRest(t, 1, tc.changes...)
			assert.Equal(t, tc.want, observation.MemberRecord(o, o.Machines[0]), tc.reason)
		})
	}
}
