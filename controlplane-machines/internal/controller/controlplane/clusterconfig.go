// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/contact"
	"github.com/k0smotron/k0smotron/shared/clusterconfig"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
)

const (
	// opinionDelay is the pause between two looks for k0s's verdict.
	opinionDelay = 2 * time.Second
	// opinionPatience is how long we look that often. k0s answers within seconds; later the regular looks are enough.
	opinionPatience = 2 * time.Minute

	awaitingVerdict = "waiting for k0s to take the configuration"
)

// clusterConfigured applies the cluster-wide configuration in the running cluster, and tells what k0s says about it. It
// asks nothing while both are settled. Without an answer nothing is known: the condition is Unknown, not False.
func (r *Reconciler) clusterConfigured(ctx context.Context, s *scope) (phase.Outcome, error) {
	if s.configuration.ClusterWide == nil || s.deleting() {
		return phase.Continue(), nil
	}
	if s.k0s == nil {
		return phase.Continue(), s.unanswered()
	}
	ctx, cancel := context.WithTimeout(ctx, contact.Timeout)
	defer cancel()
	if err := r.configured(ctx, s); err != nil {
		s.unknown("asking the cluster about its configuration: " + phase.StableMessage(err))
	}
	return phase.Continue(), nil
}

// unanswered tells that what is wished waits for the workload cluster. A verdict on just that still holds.
func (s *scope) unanswered() error {
	fingerprint, err := s.clusterWideHash()
	if err != nil || !s.controlPlane.Initialized() {
		return err
	}
	const condition = controlplanev1.ConfigurationAppliedCondition
	told := conditions.Get(s.controlPlane, condition)
	switch applied := s.controlPlane.Annotations[contract.AppliedConfigAnnotation]; {
	case applied == clusterconfig.Taken(fingerprint):
		s.judged(clusterconfig.Opinion{Verdict: clusterconfig.VerdictReconciled})
		return nil
	case applied == fingerprint && told != nil && told.Reason != controlplanev1.WaitingReason:
		return nil
	}
	conditions.Unknown(s.controlPlane, condition, controlplanev1.ReconciliationUnknownReason,
		"waiting for the workload cluster to answer")
	return nil
}

func (r *Reconciler) configured(ctx context.Context, s *scope) error {
	fingerprint, err := s.clusterWideHash()
	if err != nil {
		return err
	}
	access := clusterconfig.Access{Client: s.connection.Live, FieldOwner: r.FieldOwner}
	config := &unstructured.Unstructured{Object: s.configuration.ClusterWide}
	switch s.controlPlane.Annotations[contract.AppliedConfigAnnotation] {
	case clusterconfig.Taken(fingerprint):
		s.judged(clusterconfig.Opinion{Verdict: clusterconfig.VerdictReconciled})
		return nil
	case fingerprint:
		return r.verdictKept(ctx, s, access, config)
	}
	done, err := access.Apply(ctx, config)
	if err != nil || !done {
		s.unknown("waiting for k0s to serve its configuration")
		return err
	}
	s.unknown(awaitingVerdict)
	return r.Applier.Annotate(ctx, s.controlPlane, contract.AppliedConfigAnnotation, fingerprint)
}

// verdictKept asks for the verdict and tells it. A good one is recorded, and not asked for again.
func (r *Reconciler) verdictKept(
	ctx context.Context, s *scope, access clusterconfig.Access, config *unstructured.Unstructured,
) error {
	opinion, err := access.Opinion(ctx, config.GroupVersionKind().GroupVersion())
	if err != nil {
		return err
	}
	s.judged(opinion)
	if opinion.Verdict != clusterconfig.VerdictReconciled {
		return nil
	}
	applied := s.controlPlane.Annotations[contract.AppliedConfigAnnotation]
	return r.Applier.Annotate(ctx, s.controlPlane, contract.AppliedConfigAnnotation, clusterconfig.Taken(applied))
}

func (s *scope) judged(opinion clusterconfig.Opinion) {
	const condition = controlplanev1.ConfigurationAppliedCondition
	switch opinion.Verdict {
	case clusterconfig.VerdictReconciled:
		conditions.True(s.controlPlane, condition, controlplanev1.ReconciledReason, "")
	case clusterconfig.VerdictRefused:
		conditions.False(s.controlPlane, condition, controlplanev1.NotReconciledReason,
			"k0s refuses the cluster-wide part of spec.k0sConfigSpec.k0s: "+opinion.Message)
	case clusterconfig.VerdictUnknown:
		s.unknown(awaitingVerdict)
	}
}

// unknown notes that k0s has not spoken, and how soon to look again.
func (s *scope) unknown(message string) {
	conditions.Unknown(s.controlPlane, controlplanev1.ConfigurationAppliedCondition,
		controlplanev1.ReconciliationUnknownReason, message)
	since := conditions.Get(s.controlPlane, controlplanev1.ConfigurationAppliedCondition).LastTransitionTime
	if s.now.Sub(since.Time) <= opinionPatience {
		s.lookAfter(opinionDelay)
	}
}
