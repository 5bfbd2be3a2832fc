// SPDX-License-Identifier: Apache-2.0

package observation

import (
	"slices"
	"strings"
	"time"

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// LeaveFacts are what the next step of a Machine that is being deleted is decided from. Members are given up with the
// cluster only when nobody needs it any more: workers are drained and deleted through its API server.
func LeaveFacts(o Objects, machine *clusterv1.Machine) k0snode.LeaveFacts {
	return k0snode.LeaveFacts{
		Leaving:        Leaving(o, machine),
		ClusterDeleted: o.deleting() && o.Workers == 0,
		Objects:        o.Workload,
		Answered:       o.Report.Answered,
		Snapshot:       Snapshot(o),
	}
}

// Leaving is a Machine that is being deleted.
func Leaving(o Objects, machine *clusterv1.Machine) k0snode.Leaving {
	revoked, err := time.Parse(time.RFC3339, machine.Annotations[contract.JoinRevokedAnnotation])
	if err != nil {
		revoked = time.Time{} // It is revoked again, which costs nothing.
	}
	return k0snode.Leaving{
		Name:         machine.Name,
		Since:        timeOf(machine.DeletionTimestamp),
		Hook:         hasHook(machine),
		AtHook:       isAtHook(machine),
		OtherHooks:   otherHooks(machine),
		Before:       o.before(machine),
		HasLeft:      hasLeft(machine),
		TokenRevoked: revoked,
		Address:      o.address(machine),
	}
}

func hasHook(machine *clusterv1.Machine) bool {
	_, hooked := machine.Annotations[contract.LeaveHookAnnotation]
	return hooked
}

// isAtHook tells that Cluster API waits for hooks before it terminates the machine. It says so after it has drained the
// Node, and goes on saying so.
func isAtHook(machine *clusterv1.Machine) bool {
	deleting := conditions.Get(machine, clusterv1.MachineDeletingCondition)
	return deleting != nil && deleting.Reason == clusterv1.MachineDeletingWaitingForPreTerminateHookReason
}

func otherHooks(machine *clusterv1.Machine) []string {
	var hooks []string
	for key := range machine.Annotations {
		if strings.HasPrefix(key, clusterv1.PreTerminateDeleteHookAnnotationPrefix) && key != contract.LeaveHookAnnotation {
			hooks = append(hooks, key)
		}
	}
	slices.Sort(hooks)
	return hooks
}

// before are the Machines that leave before this one.
func (o Objects) before(machine *clusterv1.Machine) []string {
	var names []string
	for _, other := range o.Machines {
		if hasHook(other) && leavesBefore(other, machine) {
			names = append(names, other.Name)
		}
	}
	slices.Sort(names)
	return names
}

func leavesBefore(a, b *clusterv1.Machine) bool {
	if a.DeletionTimestamp.IsZero() || b.DeletionTimestamp.IsZero() || a.Name == b.Name {
		return false
	}
	if order := a.DeletionTimestamp.Compare(b.DeletionTimestamp.Time); order != 0 {
		return order < 0
	}
	return a.Name < b.Name
}

// address is where a Machine may be a member of etcd: what its infrastructure has reported.
func (o Objects) address(machine *clusterv1.Machine) string {
	if address := internalAddress(machine.Status.Addresses); address != "" {
		return address
	}
	object := o.infrastructure(machine.Name)
	if object == nil {
		return ""
	}
	addresses, err := contract.Addresses(object)
	if err != nil {
		return ""
	}
	return internalAddress(addresses)
}

// internalAddress is the one that other controllers use.
func internalAddress(addresses []clusterv1.MachineAddress) string {
	for _, kind := range []clusterv1.MachineAddressType{clusterv1.MachineInternalIP, clusterv1.MachineExternalIP} {
		for _, address := range addresses {
			if address.Type == kind && address.Address != "" {
				return address.Address
			}
		}
	}
	return ""
}
