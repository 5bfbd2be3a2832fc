// SPDX-License-Identifier: Apache-2.0

package observation

import (
	"cmp"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/shared/conditions"
)

// availableVerdict sums up whether the control plane works. A part that fails without stopping the whole does not matter.
func (o Objects) availableVerdict() verdict {
	if o.deleting() {
		return verdict{
			metav1.ConditionFalse, controlplanev1.NotAvailableReason, "the control plane is being deleted",
		}
	}
	var found findings
	for _, part := range o.neededParts() {
		found.part(o, part)
	}
	o.addMajority(&found)
	return found.verdict(reasons{
		controlplanev1.AvailableReason, controlplanev1.NotAvailableReason, controlplanev1.HealthUnknownReason,
	})
}

// neededParts are the conditions that count. What is needed to make Machines matters until the cluster is up: a change
// that is refused later leaves a control plane that works.
func (o Objects) neededParts() []string {
	if o.ControlPlane.Initialized() {
		return []string{controlplanev1.CertificatesAvailableCondition, controlplanev1.InitializedCondition}
	}
	return []string{
		controlplanev1.BootstrapProviderReadyCondition, controlplanev1.EndpointReadyCondition,
		controlplanev1.ConfigurationAppliedCondition, controlplanev1.CertificatesAvailableCondition,
		controlplanev1.InitializedCondition,
	}
}

// part counts a condition that is not True. One that no pass has come to yet says nothing.
func (f *findings) part(o Objects, conditionType string) {
	told := conditions.Get(o.ControlPlane, conditionType)
	if told == nil {
		return
	}
	line := conditionType + ": " + cmp.Or(told.Message, told.Reason)
	switch told.Status {
	case metav1.ConditionFalse:
		f.against = append(f.against, line)
	case metav1.ConditionUnknown:
		f.unknown = append(f.unknown, line)
	case metav1.ConditionTrue:
	}
}

// addMajority wants one controller that works, and of etcd more than half of the votes. Where it is not known of enough of
// them, an API server that has just answered from its database is enough.
func (o Objects) addMajority(found *findings) {
	works, sick, votes := 0, 0, 0
	for _, machine := range o.Machines {
		state := o.Report.States[machine.Name]
		switch {
		case o.works(machine):
			works++
		case state.Health == controlplane.Unhealthy:
			sick++
		}
		if o.works(machine) || wasMember(machine) || state.Membership == controlplane.Voting {
			votes++
		}
	}
	needed := 1
	if o.managesEtcd() {
		needed = max(1, votes/2+1)
	}
	if works >= needed {
		return
	}
	line := fmt.Sprintf("%d of %d controllers are known to work; needed: %d", works, len(o.Machines), needed)
	if len(o.Machines)-sick < needed || len(o.Machines) == 0 {
		found.against = append(found.against, line)
		return
	}
	if !o.current() {
		found.unknown = append(found.unknown, line)
	}
}
