// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/observation"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// machinesRead reads the Machines and what is behind them.
func (r *Reconciler) machinesRead(ctx context.Context, s *scope) (phase.Outcome, error) {
	machines, err := machinesOf(ctx, r.Client, s)
	if err != nil {
		return phase.Outcome{}, err
	}
	s.machines = machines
	if err := r.readInfrastructure(ctx, s); err != nil {
		return phase.Outcome{}, err
	}
	// A pass that ends before it has looked at the workload cluster tells what was known.
	s.report, _ = k0snode.Judge(r.memories.of(s.controlPlane), observation.Facts(s.observed()))
	s.gathered = true
	return phase.Continue(), nil
}

// machinesOf are the Machines of the control plane, oldest first. A cluster that has controllers of somebody else's is
// left alone: nobody could tell which of them count.
func machinesOf(ctx context.Context, reader client.Reader, s *scope) ([]*clusterv1.Machine, error) {
	list := &clusterv1.MachineList{}
	err := reader.List(ctx, list, client.InNamespace(s.controlPlane.Namespace),
		client.MatchingLabels(contract.ClusterLabels(s.cluster.Name)), client.HasLabels{clusterv1.MachineControlPlaneLabel})
	if err != nil {
		return nil, fmt.Errorf("listing Machines: %w", err)
	}
	machines, foreign := make([]*clusterv1.Machine, 0, len(list.Items)), []string(nil)
	for i := range list.Items {
		machine := &list.Items[i]
		if isOurs(machine, s.controlPlane) {
			machines = append(machines, machine)
		} else {
			foreign = append(foreign, machine.Name)
		}
	}
	if len(foreign) > 0 && !s.deleting() {
		slices.Sort(foreign)
		return nil, phase.Waiting(controlplanev1.WaitingReason, "the Cluster has Machines of controllers that belong to "+
			"somebody else, and one cluster cannot have two owners: remove "+strings.Join(foreign, ", "), 0)
	}
	slices.SortFunc(machines, older)
	return machines, nil
}

// isOurs tells whether a Machine belongs to the control plane. One that bears its name and has no owner was ours before
// it was restored from a backup.
func isOurs(machine *clusterv1.Machine, controlPlane *controlplanev1.K0sControlPlane) bool {
	if owner := metav1.GetControllerOfNoCopy(machine); owner != nil {
		return owner.UID == controlPlane.UID
	}
	return machine.Labels[clusterv1.MachineControlPlaneNameLabel] == contract.MachineNameValue(controlPlane.Name)
}

func older(a, b *clusterv1.Machine) int {
	if order := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); order != 0 {
		return order
	}
	return strings.Compare(a.Name, b.Name)
}

// machine is the Machine of that name; nil when there is none.
func (s *scope) machine(name string) *clusterv1.Machine {
	for _, machine := range s.machines {
		if machine.Name == name {
			return machine
		}
	}
	return nil
}
