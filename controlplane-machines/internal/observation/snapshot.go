// SPDX-License-Identifier: Apache-2.0

package observation

import (
	"slices"
	"strconv"
	"time"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

// currentLimit is how old the last answer of the workload cluster may be.
const currentLimit = 30 * time.Second

// Snapshot is what decisions are made from.
func Snapshot(o Objects) controlplane.Snapshot {
	return controlplane.Snapshot{
		Now:            o.Now,
		Replicas:       int(o.ControlPlane.WishedReplicas()),
		Strategy:       controlplane.Strategy(o.ControlPlane.Spec.UpdateStrategy),
		Deletion:       controlplane.Deletion{Requested: o.deleting(), Workers: o.Workers},
		Initialized:    o.ControlPlane.Initialized() || contract.ControlPlaneInitialized(o.Cluster),
		Certificates:   o.Certificates,
		Endpoint:       o.Cluster.Spec.ControlPlaneEndpoint.IsValid(),
		FailureDomains: o.failureDomains(),
		NextMachine:    o.ControlPlane.Annotations[contract.NextMachineAnnotation],
		Machines:       o.machines(),
		Strays:         o.Report.Strays,
		Current:        o.current(),
		Etcd:           o.etcd(),
	}
}

// current tells that the workload cluster has answered, in this pass or shortly before.
func (o Objects) current() bool {
	return o.Workload != nil && o.Now.Sub(o.Report.Answered) <= currentLimit
}

// failureDomains are those that control planes may use.
func (o Objects) failureDomains() []string {
	var names []string
	for _, domain := range o.Cluster.Status.FailureDomains {
		if domain.ControlPlane != nil && *domain.ControlPlane {
			names = append(names, domain.Name)
		}
	}
	slices.Sort(names)
	return names
}

func (o Objects) etcd() controlplane.Etcd {
	left, err := LeftOver(o)
	if err != nil {
		left = nil // The condition tells; what cannot be read cannot be counted.
	}
	return controlplane.Etcd{
		Managed:     o.managesEtcd(),
		JoinersVote: o.joinersVote(),
		MaxLearners: maxLearners(string(o.MaxLearners)),
		LeftOver:    left,
	}
}

// maxLearners is etcd's own limit where nothing is set.
func maxLearners(text string) int {
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 {
		return 1
	}
	return limit
}

// joinersVote tells whether a joiner may be asked in by a release that gives it a vote at once. What runs counts, and where
// that is not known, what was asked for.
func (o Objects) joinersVote() bool {
	if len(o.Machines) == 0 {
		return !addsLearners(o.ControlPlane.Spec.Version)
	}
	for _, machine := range o.Machines {
		running := o.Report.States[machine.Name].Version
		if running.IsZero() && !addsLearners(machine.Spec.Version) || !running.IsZero() && !k0snode.AddsLearners(running) {
			return true
		}
	}
	return false
}

func addsLearners(version string) bool {
	parsed, err := k0sversion.Parse(version)
	return err == nil && k0snode.AddsLearners(parsed)
}
