// SPDX-License-Identifier: Apache-2.0

package observation

import (
	"cmp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// Reasons of the conditions of Machines, beside those that control planes have, too.
const (
	// NotStartedReason: the machine has no bootstrap data yet, or does not run yet.
	NotStartedReason = "NotStarted"
	// NotVotingReason: the controller is no voting member of etcd, as far as can be seen.
	NotVotingReason = "NotVoting"
	// LeavingReason: the member was asked to leave etcd.
	LeavingReason = "Leaving"
	// LeftReason: the member has left etcd.
	LeftReason = "Left"
)

// MachineConditions are the conditions of a Machine: whether its controller works, and whether it is up to date. There is
// none about etcd where k0s runs none.
func MachineConditions(o Objects, machine *clusterv1.Machine) []metav1.Condition {
	told := []metav1.Condition{
		o.condition(machine, contract.APIServerHealthyCondition, o.controllerVerdict(machine)),
		o.condition(machine, contract.K0sControllerHealthyCondition, o.controllerVerdict(machine)),
	}
	if o.managesEtcd() {
		told = append(told, o.condition(machine, contract.EtcdMemberHealthyCondition, o.memberVerdict(machine)))
	}
	return append(told, o.condition(machine, clusterv1.MachineUpToDateCondition, o.upToDateVerdict(machine)))
}

// healthConditions are those that tell whether the controller works.
func (o Objects) healthConditions(machine *clusterv1.Machine) []metav1.Condition {
	told := MachineConditions(o, machine)
	return told[:len(told)-1]
}

// verdict is what a condition says.
type verdict struct {
	status          metav1.ConditionStatus
	reason, message string
}

func (o Objects) condition(machine *clusterv1.Machine, conditionType string, v verdict) metav1.Condition {
	return metav1.Condition{
		Type: conditionType, Status: v.status, Reason: v.reason, Message: v.message,
		ObservedGeneration: machine.Generation, LastTransitionTime: metav1.NewTime(o.Now),
	}
}

// controllerVerdict is about k0s and its API server. One lease proves both, and that is all that is known.
func (o Objects) controllerVerdict(machine *clusterv1.Machine) verdict {
	state, judged := o.Report.States[machine.Name]
	switch {
	case judged && state.Health == controlplane.Healthy:
		return verdict{status: metav1.ConditionTrue, reason: controlplanev1.HealthyReason}
	case judged && state.Health == controlplane.Unhealthy:
		return verdict{metav1.ConditionFalse, controlplanev1.NotHealthyReason, state.Message}
	default:
		return o.unknown(machine, state)
	}
}

// unknown tells why nothing is known about a controller.
func (o Objects) unknown(machine *clusterv1.Machine, state k0snode.State) verdict {
	v := verdict{metav1.ConditionUnknown, controlplanev1.HealthUnknownReason, state.Message}
	switch {
	case !o.data(machine).Written:
		v.reason, v.message = NotStartedReason, "the machine waits for its bootstrap data"
	case o.data(machine).Consumed.IsZero():
		v.reason, v.message = NotStartedReason, "the machine waits for its infrastructure"
	case state.Membership == controlplane.Learner:
		v.reason = NotVotingReason
	case o.Workload == nil:
		v.reason = controlplanev1.ConnectionDownReason
	}
	v.message = cmp.Or(v.message, "nobody has looked at the controller yet")
	return v
}

// memberVerdict is about the member of etcd.
func (o Objects) memberVerdict(machine *clusterv1.Machine) verdict {
	state := o.Report.States[machine.Name]
	switch {
	case state.Membership == controlplane.Left:
		return verdict{metav1.ConditionFalse, LeftReason, "the member has left etcd"}
	case state.Membership == controlplane.Learner && wasMember(machine):
		return verdict{
			metav1.ConditionFalse,
			controlplanev1.NotHealthyReason,
			"the EtcdMember of the controller is missing: " +
				"a restart of k0s on the machine writes it anew",
		}
	case state.Leaving:
		return verdict{metav1.ConditionFalse, LeavingReason, "the member " + leavingMessage}
	default:
		return o.controllerVerdict(machine)
	}
}

func (o Objects) upToDateVerdict(machine *clusterv1.Machine) verdict {
	reasons, err := o.outdated(machine)
	switch {
	case err != nil:
		return verdict{
			metav1.ConditionUnknown, controlplanev1.UpToDateUnknownReason, "what is asked for cannot be read: " + err.Error(),
		}
	case len(reasons) > 0:
		return verdict{
			metav1.ConditionFalse, clusterv1.MachineNotUpToDateReason, "* " + strings.Join(reasons, "\n* "),
		}
	default:
		return verdict{status: metav1.ConditionTrue, reason: clusterv1.MachineUpToDateReason}
	}
}
