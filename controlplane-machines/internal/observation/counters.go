// SPDX-License-Identifier: Apache-2.0

package observation

import (
	"cmp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/desired"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

// fillCounters counts Machines by our own conditions. All counters are there, as 0 where nothing is counted.
func (o Objects) fillCounters() {
	var all, ready, available, upToDate int32
	for _, machine := range o.Machines {
		all++
		if o.works(machine) {
			ready++
			if machine.DeletionTimestamp.IsZero() {
				available++
			}
		}
		if o.upToDateVerdict(machine).status == metav1.ConditionTrue {
			upToDate++
		}
	}
	status := &o.ControlPlane.Status
	status.Selector = desired.Selector(o.facts())
	status.Replicas = new(all)
	status.ReadyReplicas = new(ready)
	status.AvailableReplicas = new(available)
	status.UpToDateReplicas = new(upToDate)
}

// works tells whether the controller of a Machine does.
func (o Objects) works(machine *clusterv1.Machine) bool {
	return !slices.ContainsFunc(o.healthConditions(machine), func(condition metav1.Condition) bool {
		return condition.Status != metav1.ConditionTrue
	})
}

// fillVersions tells what runs, in the form in which the user wrote the version. While nothing is known, the last report
// stands: what ran last is nearer to the truth than what is wished.
func (o Objects) fillVersions() {
	spec, err := k0sversion.Parse(o.ControlPlane.Spec.Version)
	if err != nil {
		return
	}
	counts := map[string]int32{}
	versions := map[string]k0sversion.Version{}
	for _, machine := range o.Machines {
		if running, known := o.running(machine); known {
			text := k0sversion.Reported(spec, running)
			counts[text]++
			versions[text] = running
		}
	}
	if len(counts) == 0 {
		return
	}
	status := &o.ControlPlane.Status
	status.Versions = nil
	for text, count := range counts {
		status.Versions = append(status.Versions, clusterv1.StatusVersion{Version: text, Replicas: count})
	}
	slices.SortFunc(status.Versions, func(a, b clusterv1.StatusVersion) int {
		return cmp.Or(versions[a.Version].Compare(versions[b.Version]), strings.Compare(a.Version, b.Version))
	})
	status.Version = status.Versions[0].Version
}

// running is the version that a Machine runs. A release that does not tell runs what its Machine was made with, once its
// controller has been seen at work.
func (o Objects) running(machine *clusterv1.Machine) (k0sversion.Version, bool) {
	running := o.Report.States[machine.Name].Version
	if !running.IsZero() {
		return running, true
	}
	made, err := k0sversion.Parse(machine.Spec.Version)
	return made, err == nil && o.works(machine)
}
