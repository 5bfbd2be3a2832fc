// SPDX-License-Identifier: Apache-2.0

package observation

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
)

// noNodeMessage keeps people from waiting for what does not come.
const noNodeMessage = "no Node is expected of a controller without a kubelet: Cluster API's own Ready of its Machine " +
	"stays Unknown, and nothing here depends on it"

// readyVerdict sums up the health of the Machines, and tells of those that leave how far they have come. Cluster API's own
// Ready is not asked.
func (o Objects) readyVerdict() verdict {
	if len(o.Machines) == 0 {
		return verdict{status: metav1.ConditionTrue, reason: controlplanev1.NoReplicasReason}
	}
	var found findings
	for _, machine := range o.Machines {
		found.add("Machine "+machine.Name, o.healthConditions(machine)...)
	}
	v := found.verdict(reasons{
		controlplanev1.ReadyReason, controlplanev1.NotReadyReason, controlplanev1.ReadyUnknownReason,
	})
	lines := slices.Concat(found.against, found.unknown, o.leaveSteps())
	if o.Failure != "" {
		lines = append(lines, failedMessage+o.Failure)
	}
	if slices.ContainsFunc(o.Machines, o.hasNoNode) {
		lines = append(lines, noNodeMessage)
	}
	v.message = list(lines)
	return v
}

// hasNoNode tells whether a Machine never gets a Node.
func (o Objects) hasNoNode(machine *clusterv1.Machine) bool {
	spec := &o.ControlPlane.Spec.K0sConfigSpec
	if config := o.config(machine.Name); config != nil {
		spec = &config.Spec.K0sConfigSpec
	}
	return !machine.Status.NodeRef.IsDefined() && !spec.RunsWorker()
}

// allUpToDateVerdict sums up which Machines are what the spec asks for.
func (o Objects) allUpToDateVerdict() verdict {
	if len(o.Machines) == 0 {
		return verdict{status: metav1.ConditionTrue, reason: controlplanev1.NoReplicasReason}
	}
	found := findings{unknown: slices.Clone(o.Trouble)}
	for _, machine := range o.Machines {
		outdated, err := o.outdated(machine)
		switch {
		case err != nil:
			found.unknown = append(found.unknown, "Machine "+machine.Name+": "+err.Error())
		case len(outdated) > 0:
			found.against = append(found.against, "Machine "+machine.Name+": "+strings.Join(outdated, "; "))
		}
	}
	return found.verdict(reasons{
		controlplanev1.UpToDateReason, controlplanev1.NotUpToDateReason, controlplanev1.UpToDateUnknownReason,
	})
}
