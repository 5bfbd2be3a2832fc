// SPDX-License-Identifier: Apache-2.0

package observation

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/rollout"
	"github.com/k0smotron/k0smotron/shared/conditions"
)

// Status fills the status of the control plane: counters, versions, selector, and all conditions that tell about Machines,
// etcd and the pass as a whole. Conditions that phases write (certificates, endpoint, configuration, Initialized, Paused)
// are read, not written, so it comes last. The action is the zero value when the pass has not come to decide.
func Status(o Objects, action rollout.Action) {
	o.fillCounters()
	o.fillVersions()
	o.tell(controlplanev1.EtcdClusterHealthyCondition, o.etcdVerdict())
	o.tell(controlplanev1.ControlPlaneComponentsHealthyCondition, o.componentsVerdict())
	o.tell(controlplanev1.MachinesReadyCondition, o.readyVerdict())
	o.tell(controlplanev1.MachinesUpToDateCondition, o.allUpToDateVerdict())
	o.fillProgress(action)
	o.tell(controlplanev1.DeletingCondition, o.deletingVerdict(action))
	o.tell(controlplanev1.AvailableCondition, o.availableVerdict())
}

func (o Objects) tell(conditionType string, v verdict) {
	switch v.status {
	case metav1.ConditionTrue:
		conditions.True(o.ControlPlane, conditionType, v.reason, v.message)
	case metav1.ConditionFalse:
		conditions.False(o.ControlPlane, conditionType, v.reason, v.message)
	default:
		conditions.Unknown(o.ControlPlane, conditionType, v.reason, v.message)
	}
}

// findings are what speaks against a condition: evidence, and what is not known.
type findings struct {
	against, unknown []string
}

// add takes what conditions of an object say that are not True. Where they say the same, it is said once.
func (f *findings) add(subject string, told ...metav1.Condition) {
	f.against = append(f.against, lines(subject, metav1.ConditionFalse, told)...)
	f.unknown = append(f.unknown, lines(subject, metav1.ConditionUnknown, told)...)
}

func lines(subject string, status metav1.ConditionStatus, told []metav1.Condition) []string {
	types := map[string][]string{}
	var messages []string
	for i := range told {
		if told[i].Status != status {
			continue
		}
		message := told[i].Message
		if _, known := types[message]; !known {
			messages = append(messages, message)
		}
		types[message] = append(types[message], told[i].Type)
	}
	for i, message := range messages {
		messages[i] = fmt.Sprintf("%s: %s: %s", subject, strings.Join(types[message], ", "), message)
	}
	return messages
}

// reasons are those of a condition for each status.
type reasons struct{ yes, no, unknown string }

// healthReasons tell silence from a lack of evidence.
func (o Objects) healthReasons() reasons {
	if o.Workload == nil && !o.Report.Answered.IsZero() {
		return reasons{controlplanev1.HealthyReason, controlplanev1.NotHealthyReason, controlplanev1.ConnectionDownReason}
	}
	return reasons{controlplanev1.HealthyReason, controlplanev1.NotHealthyReason, controlplanev1.HealthUnknownReason}
}

// verdict is False by evidence, else Unknown by the lack of it. All that was found is listed.
func (f *findings) verdict(r reasons) verdict {
	v := verdict{status: metav1.ConditionTrue, reason: r.yes}
	if len(f.unknown) > 0 {
		v.status, v.reason = metav1.ConditionUnknown, r.unknown
	}
	if len(f.against) > 0 {
		v.status, v.reason = metav1.ConditionFalse, r.no
	}
	v.message = list(slices.Concat(f.against, f.unknown))
	return v
}

// list is one line for each.
func list(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return "* " + strings.Join(lines, "\n* ")
}

const failedMessage = "the last attempt has failed, and is repeated: "

// next says what happens next, and how far the Machines that leave have come.
func (o Objects) next(action rollout.Action) string {
	var parts []string
	if action.Kind != "" && action.Kind != rollout.Nothing {
		parts = append(parts, action.Message)
	}
	if o.Failure != "" {
		parts = append(parts, failedMessage+o.Failure)
	}
	for _, trouble := range o.Trouble {
		parts = append(parts, "no Machine is made or replaced: "+trouble)
	}
	return list(append(parts, o.leaveSteps()...))
}

// leaveSteps are what is done next about each Machine that leaves.
func (o Objects) leaveSteps() []string {
	var steps []string
	for _, machine := range o.Machines {
		if machine.DeletionTimestamp.IsZero() {
			continue
		}
		if step := k0snode.DecideLeave(LeaveFacts(o, machine)); step.Message != "" {
			steps = append(steps, "Machine "+machine.Name+": "+step.Message)
		}
	}
	return steps
}
