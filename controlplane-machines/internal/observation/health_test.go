// SPDX-License-Identifier: Apache-2.0

package observation_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/observation"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// told is a condition in one line.
func told(condition metav1.Condition) string {
	line := condition.Type + "=" + string(condition.Status) + " " + condition.Reason
	if condition.Message != "" {
		line += ": " + condition.Message
	}
	return line
}

// TestMachineConditions: what people see on the youngest of three Machines.
func TestMachineConditions(t *testing.T) {
	t.Parallel()
	const upToDate = "UpToDate=True UpToDate"
	same := func(rest string) []string {
		return []string{
			"APIServerHealthy=" + rest, "K0sControllerHealthy=" + rest, "EtcdMemberHealthy=" + rest, upToDate,
		}
	}
	const healthy = "True Healthy"
	cases := map[string]struct {
		changes []change
		want    []string
	}{
		"Healthy": {want: same(healthy)},
		"Sick":    {changes: []change{sick("m3")}, want: same("False NotHealthy: k0s has not renewed its lease")},
		"Kept":    {changes: []change{silent}, want: same(healthy)},
		"KeptSick": {
			changes: []change{sick("m3"), silent}, want: same("False NotHealthy: k0s has not renewed its lease"),
		},
		"Lost": {
			changes: []change{lost},
			want:    same("Unknown ConnectionDown: the workload cluster has not answered since 2030-01-01T11:50:00Z"),
		},
		"RestartedInSilence": {
			changes: []change{silent, state("m3", func(s *k0snode.State) { s.Membership = controlplane.Unknown })},
			want:    same(healthy),
		},
		"NotSaid": {
			changes: []change{state("m3", func(s *k0snode.State) {
				s.Membership, s.Health, s.Message = controlplane.Unknown, controlplane.HealthUnknown, "does not say"
			})},
			want: same("Unknown HealthUnknown: does not say"),
		},
		"NoData": {changes: []change{waiting}, want: same("Unknown NotStarted: the machine waits for its bootstrap data")},
		"NoInfrastructure": {
			changes: []change{waiting, func(_ *testing.T, o *observation.Objects) {
				last(o).Spec.Bootstrap.DataSecretName = new("m3")
			}},
			want: same("Unknown NotStarted: the machine waits for its infrastructure"),
		},
		"Joining": {
			changes: []change{joining},
			want:    same("Unknown NotVoting: is no voting member of etcd yet: it may be joining, or a learner"),
		},
		"NotLookedAt": {
			changes: []change{func(_ *testing.T, o *observation.Objects) { o.Report = k0snode.Report{} }},
			want:    same("Unknown HealthUnknown: nobody has looked at the controller yet"),
		},
		"Leaving": {
			changes: []change{state("m3", func(s *k0snode.State) { s.Leaving = true })},
			want: []string{
				"APIServerHealthy=" + healthy, "K0sControllerHealthy=" + healthy,
				"EtcdMemberHealthy=False Leaving: the member was asked to leave etcd", upToDate,
			},
		},
		"Left": {
			changes: []change{state("m3", func(s *k0snode.State) {
				s.Membership, s.Health, s.Message = controlplane.Left, controlplane.Unhealthy, "has left etcd"
			})},
			want: []string{
				"APIServerHealthy=False NotHealthy: has left etcd", "K0sControllerHealthy=False NotHealthy: has left etcd",
				"EtcdMemberHealthy=False Left: the member has left etcd", upToDate,
			},
		},
		"MemberMissing": {
			changes: []change{joining, func(_ *testing.T, o *observation.Objects) {
				last(o).Annotations[contract.WasMemberAnnotation] = contract.MemberJoined
			}},
			want: []string{
				"APIServerHealthy=Unknown NotVoting: is no voting member of etcd yet: it may be joining, or a learner",
				"K0sControllerHealthy=Unknown NotVoting: is no voting member of etcd yet: it may be joining, or a learner",
				"EtcdMemberHealthy=False NotHealthy: the EtcdMember of the controller is missing: a restart of k0s on the " +
					"machine writes it anew",
				upToDate,
			},
		},
		"Kine": {
			changes: []change{kine},
			want:    []string{"APIServerHealthy=" + healthy, "K0sControllerHealthy=" + healthy, upToDate},
		},
		"Outdated": {
			changes: []change{wish(func(c *controlplanev1.K0sControlPlane) {
				c.Spec.Version = "v1.36.4"
				c.Spec.K0sConfigSpec.Args = []bootstrapv1.ControllerArg{"--debug"}
			})},
			want: append(same(healthy)[:3], "UpToDate=False NotUpToDate: * version is v1.36.3+k0s.2, and v1.36.4 is asked for\n"+
				"* spec.k0sConfigSpec has changed since the machine was made"),
		},
		"WishThatCannotBeRead": {
			changes: []change{wish(func(c *controlplanev1.K0sControlPlane) { c.Spec.K0sConfigSpec.K0s.Raw = []byte("[") })},
			want:    append(same(healthy)[:3], "UpToDate=Unknown UpToDateUnknown: what is asked for cannot be read"),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := atRest(t, 3, tc.changes...)
			conditions := observation.MachineConditions(o, last(&o))
			var got []string
			for _, condition := range conditions {
				assert.Equal(t, o.Now, condition.LastTransitionTime.Time)
				assert.Equal(t, last(&o).Generation, condition.ObservedGeneration)
				line, _, _ := strings.Cut(told(condition), ": spec.k0sConfigSpec.k0s")
				got = append(got, line)
			}
			assert.Equal(t, tc.want, got)
		})
	}
}

// TestConditionsOfTheContract: the bootstrap provider reads them, and takes for healthy what is.
func TestConditionsOfTheContract(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		changes         []change
		healthy, joined bool
	}{
		"Healthy": {healthy: true, joined: true},
		"Kine":    {changes: []change{kine}, healthy: true, joined: true},
		"Joining": {changes: []change{joining}},
		"Sick":    {changes: []change{sick("m2")}},
		"Leaving": {changes: []change{state("m2", func(s *k0snode.State) { s.Leaving = true })}},
		"Lost":    {changes: []change{lost}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := atRest(t, 2, tc.changes...)
			machine := &clusterv1.Machine{}
			machine.Status.Conditions = observation.MachineConditions(o, last(&o))
			assert.Equal(t, tc.healthy, contract.IsHealthyMember(machine))
			assert.Equal(t, tc.joined, contract.HasJoined(machine))
		})
	}
}
