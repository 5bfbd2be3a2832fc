// SPDX-License-Identifier: Apache-2.0

package observation

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/rollout"
)

// fillProgress tells what is going on and what happens next, where something is.
func (o Objects) fillProgress(action rollout.Action) {
	exist, wanted := len(o.Machines), int(o.ControlPlane.WishedReplicas())
	if o.deleting() {
		wanted = 0
	}
	next := o.next(action)
	o.tell(controlplanev1.RollingOutCondition, o.rollingVerdict(next))
	up := verdict{status: metav1.ConditionFalse, reason: controlplanev1.NotScalingUpReason}
	down := verdict{status: metav1.ConditionFalse, reason: controlplanev1.NotScalingDownReason}
	if exist < wanted {
		up = verdict{metav1.ConditionTrue, controlplanev1.ScalingUpReason, withNext(
			fmt.Sprintf("%d of %d wanted Machines exist", exist, wanted), next)}
	}
	if exist > wanted {
		down = verdict{metav1.ConditionTrue, controlplanev1.ScalingDownReason, withNext(
			fmt.Sprintf("%d Machines exist, %d are wanted", exist, wanted), next)}
	}
	o.tell(controlplanev1.ScalingUpCondition, up)
	o.tell(controlplanev1.ScalingDownCondition, down)
}

// rollingVerdict is True while a Machine is to be replaced.
func (o Objects) rollingVerdict(next string) verdict {
	var outdated []string
	for _, machine := range o.Machines {
		if why, err := o.outdated(machine); err == nil && len(why) > 0 {
			outdated = append(outdated, "Machine "+machine.Name+": "+strings.Join(why, "; "))
		}
	}
	if len(outdated) == 0 {
		return verdict{status: metav1.ConditionFalse, reason: controlplanev1.NotRollingOutReason}
	}
	head := fmt.Sprintf("%d of %d Machines are not up to date\n%s", len(outdated), len(o.Machines), list(outdated))
	return verdict{metav1.ConditionTrue, controlplanev1.RollingOutReason, withNext(head, next)}
}

func withNext(head, next string) string {
	if next == "" {
		return head
	}
	return head + "\nNext:\n" + next
}

// deletingVerdict is True while the control plane is being deleted.
func (o Objects) deletingVerdict(action rollout.Action) verdict {
	v := verdict{status: metav1.ConditionTrue, message: o.next(action)}
	switch {
	case !o.deleting():
		return verdict{status: metav1.ConditionFalse, reason: controlplanev1.NotDeletingReason}
	case o.Workers > 0:
		v.reason = controlplanev1.WaitingForWorkersDeletionReason
	case len(o.Machines) > 0:
		v.reason = controlplanev1.WaitingForMachineDeletionReason
	default:
		v.reason = controlplanev1.DeletionCompletedReason
	}
	return v
}
