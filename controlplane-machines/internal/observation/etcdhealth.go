// SPDX-License-Identifier: Apache-2.0

package observation

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// etcdVerdict is about the whole of etcd: its members, those without a Machine, and those that cannot be seen.
func (o Objects) etcdVerdict() verdict {
	if !o.managesEtcd() {
		return o.databaseVerdict()
	}
	var found findings
	for _, machine := range o.Machines {
		found.add("Machine "+machine.Name, o.only(machine, contract.EtcdMemberHealthyCondition)...)
	}
	for i := range o.Report.Strays {
		found.stray(&o.Report.Strays[i])
	}
	found.leftOver(o)
	if len(o.Machines) == 0 && len(found.against) == 0 {
		found.unknown = append(found.unknown, "there is no Machine")
	}
	return found.verdict(o.healthReasons())
}

// stray is a member without a Machine. It votes, so it is told even when it works.
func (f *findings) stray(member *controlplane.Member) {
	if !member.MayVote() {
		return
	}
	how := "it is not known whether it works"
	switch member.Health {
	case controlplane.Healthy:
		how = "it works"
	case controlplane.Unhealthy:
		how = "it does not work"
	case controlplane.HealthUnknown:
	}
	if member.Leaving {
		how += ", and it is leaving"
	}
	f.against = append(f.against, "EtcdMember "+member.Name+" has no Machine: "+how)
}

// leftOver is suspected only, so it is no evidence.
func (f *findings) leftOver(o Objects) {
	list, err := LeftOver(o)
	if err != nil {
		f.unknown = append(f.unknown, err.Error())
	}
	for _, left := range list {
		f.unknown = append(f.unknown, leftOverMessage(left))
	}
}

// databaseVerdict judges a database that k0s does not run by the API servers, which answer only while they reach it.
func (o Objects) databaseVerdict() verdict {
	if o.current() || slices.ContainsFunc(o.Machines, o.works) {
		return verdict{status: metav1.ConditionTrue, reason: controlplanev1.HealthyReason}
	}
	return verdict{
		metav1.ConditionUnknown, controlplanev1.HealthUnknownReason,
		"no API server works, and only they tell about the database",
	}
}

// componentsVerdict is about k0s and the API servers.
func (o Objects) componentsVerdict() verdict {
	var found findings
	for _, machine := range o.Machines {
		found.add("Machine "+machine.Name,
			o.only(machine, contract.APIServerHealthyCondition, contract.K0sControllerHealthyCondition)...)
	}
	if len(o.Machines) == 0 {
		found.unknown = append(found.unknown, "there is no Machine")
	}
	return found.verdict(o.healthReasons())
}

// only are the conditions of a Machine of these types.
func (o Objects) only(machine *clusterv1.Machine, types ...string) []metav1.Condition {
	var some []metav1.Condition
	for _, condition := range MachineConditions(o, machine) {
		for _, conditionType := range types {
			if condition.Type == conditionType {
				some = append(some, condition)
			}
		}
	}
	return some
}
