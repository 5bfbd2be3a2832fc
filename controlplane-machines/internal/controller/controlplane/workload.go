// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"slices"

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/contact"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/observation"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// workloadJudged looks at what k0s writes in its own cluster and compares it with the look before. A cluster that does not
// answer is no error: what is known of it grows old, and in the end unknown.
func (r *Reconciler) workloadJudged(ctx context.Context, s *scope) (phase.Outcome, error) {
	looks := s.worthALook()
	if looks {
		objects, err := r.look(ctx, s)
		if err != nil {
			ctrl.LoggerFrom(ctx).V(2).Info("The workload cluster does not answer", "error", err.Error())
		}
		s.k0s = objects
	}
	report, memory := k0snode.Judge(r.memories.of(s.controlPlane), observation.Facts(s.observed()))
	r.memories.keep(s.controlPlane, memory)
	s.report = report
	if looks {
		s.lookAfter(report.LookAgain)
	}
	return phase.Continue(), nil
}

// worthALook tells whether there may be anybody to answer, and somebody who wants to know.
func (s *scope) worthALook() bool {
	if s.deleting() && s.workers == 0 || len(s.access.Kubeconfig) == 0 {
		return false
	}
	return slices.ContainsFunc(s.machines, func(machine *clusterv1.Machine) bool {
		return machine.Spec.Bootstrap.DataSecretName != nil
	})
}

// look reads what k0s has written; nil when there is no answer.
func (r *Reconciler) look(ctx context.Context, s *scope) (*k0snode.Objects, error) {
	var objects k0snode.Objects
	err := r.Workloads.Reach(ctx, s.access, func(ctx context.Context, connection contact.Connection) error {
		reader := k0snode.Reader{Objects: connection.Objects, Leases: connection.Live}
		if !r.memories.isWatched(s.controlPlane) {
			reader.Objects = connection.Live // The first read of a cache waits until it is filled.
		}
		var err error
		if objects, err = reader.Read(ctx); err != nil {
			return err
		}
		s.connection = connection
		if err := r.watch(ctx, s, objects); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Watching the workload cluster")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &objects, nil
}

// watch makes events arrive of the kinds that k0s writes here. A kind that has no objects may not be served at all.
func (r *Reconciler) watch(ctx context.Context, s *scope, objects k0snode.Objects) error {
	if !s.connection.Cached {
		return nil
	}
	if len(objects.Members) > 0 {
		if err := r.Watcher.WatchWorkload(ctx, s.clusterKey(), k0snode.EtcdMemberObject("")); err != nil {
			return err
		}
	}
	if len(objects.ControlNodes) > 0 {
		if err := r.Watcher.WatchWorkload(ctx, s.clusterKey(), k0snode.ControlNodeObject("")); err != nil {
			return err
		}
		r.memories.noteWatched(s.controlPlane)
	}
	return nil
}
