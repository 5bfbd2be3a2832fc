// SPDX-License-Identifier: Apache-2.0

package observation

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// Facts are what the controllers are judged from.
func Facts(o Objects) k0snode.Facts {
	facts := k0snode.Facts{Now: o.Now, Storage: o.Storage, Objects: o.Workload}
	for _, machine := range o.Machines {
		facts.Machines = append(facts.Machines, k0snode.Machine{
			Name:      machine.Name,
			DataGiven: o.data(machine).Written,
			WasMember: wasMember(machine),
			Reported:  reported(machine),
		})
	}
	return facts
}

// reported is what the conditions of a Machine say about its controller.
func reported(machine *clusterv1.Machine) controlplane.Health {
	condition := conditions.Get(machine, contract.K0sControllerHealthyCondition)
	switch {
	case condition == nil || condition.Status == metav1.ConditionUnknown:
		return controlplane.HealthUnknown
	case condition.Status == metav1.ConditionTrue:
		return controlplane.Healthy
	default:
		return controlplane.Unhealthy
	}
}

func wasMember(machine *clusterv1.Machine) bool {
	return machine.Annotations[contract.WasMemberAnnotation] == contract.MemberJoined
}

func hasLeft(machine *clusterv1.Machine) bool {
	return machine.Annotations[contract.WasMemberAnnotation] == contract.MemberLeft
}

// MemberRecord is what is to be recorded on a Machine under [contract.WasMemberAnnotation]. It is empty where there is
// nothing to record: the annotation is left as it is then, and never removed.
func MemberRecord(o Objects, machine *clusterv1.Machine) string {
	state, judged := o.Report.States[machine.Name]
	switch {
	case !judged || o.Workload == nil:
		return ""
	case state.Membership == controlplane.Voting:
		return contract.MemberJoined
	case state.Membership == controlplane.Left:
		return contract.MemberLeft
	default:
		return ""
	}
}
