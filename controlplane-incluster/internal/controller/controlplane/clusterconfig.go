// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/hosted"
	"github.com/k0smotron/k0smotron/shared/clusterconfig"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
	"github.com/k0smotron/k0smotron/shared/phase"
)

const (
	// opinionDelay is the pause between two looks for k0s's verdict.
	opinionDelay = 2 * time.Second
	// opinionPatience is how long we look that often. k0s answers within seconds; later the regular resync is enough.
	opinionPatience = 2 * time.Minute

	awaitingVerdict = "waiting for k0s to take the configuration"
)

// clusterConfigured applies the cluster-wide configuration in the running cluster, and tells what k0s says about it. It
// asks nothing while both are settled. Without an answer nothing is known: the condition is Unknown, not False.
func (r *Reconciler) clusterConfigured(ctx context.Context, s *scope) (phase.Outcome, error) {
	if s.podSet.Status.ReadyReplicas == 0 {
		return phase.Continue(), nil // The pods coming back starts the next pass.
	}
	config, err := clusterWide(s)
	if err != nil {
		return phase.Outcome{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	outcome, err := r.configured(ctx, s, config)
	if err != nil {
		return s.unknown("asking the cluster about its configuration: " + phase.StableMessage(err)), nil
	}
	return outcome, nil
}

func (r *Reconciler) configured(
	ctx context.Context,
	s *scope,
	config *unstructured.Unstructured,
) (phase.Outcome, error) {
	fingerprint := s.key.Fingerprint(s.config.Data[desired.KeyClusterWide])
	switch s.config.Annotations[contract.AppliedConfigAnnotation] {
	case clusterconfig.Taken(fingerprint):
		return s.judged(hosted.Opinion{Verdict: clusterconfig.VerdictReconciled}), nil
	case fingerprint:
		return r.verdictKept(ctx, s, config)
	}
	done, err := r.Clusters.ApplyConfig(ctx, s.access, config)
	if err != nil || !done {
		return s.unknown("waiting for k0s to serve its configuration"), err
	}
	return s.unknown(awaitingVerdict), r.recordApplied(ctx, s, fingerprint)
}

// verdictKept asks for the verdict and tells it. A good one is recorded, and not asked for again.
func (r *Reconciler) verdictKept(
	ctx context.Context, s *scope, config *unstructured.Unstructured,
) (phase.Outcome, error) {
	opinion, err := r.Clusters.Opinion(ctx, s.access, config.GroupVersionKind().GroupVersion())
	if err != nil {
		return phase.Outcome{}, err
	}
	outcome := s.judged(opinion)
	if opinion.Verdict != clusterconfig.VerdictReconciled {
		return outcome, nil
	}
	applied := s.config.Annotations[contract.AppliedConfigAnnotation]
	return outcome, r.recordApplied(ctx, s, clusterconfig.Taken(applied))
}

func clusterWide(s *scope) (*unstructured.Unstructured, error) {
	content, err := k0sconfig.Parse(s.config.Data[desired.KeyClusterWide])
	if err != nil {
		return nil, fmt.Errorf("reading the cluster-wide configuration: %w", err)
	}
	return &unstructured.Unstructured{Object: content}, nil
}

// recordApplied notes on the Secret what is in effect, so that nobody has to ask the cluster again.
func (r *Reconciler) recordApplied(ctx context.Context, s *scope, record string) error {
	secret := s.wantedConfig.DeepCopy()
	child.Annotate(&secret.ObjectMeta, map[string]string{contract.AppliedConfigAnnotation: record})
	return r.Applier.Apply(ctx, s.controlPlane, secret)
}

func (s *scope) judged(opinion hosted.Opinion) phase.Outcome {
	switch opinion.Verdict {
	case clusterconfig.VerdictReconciled:
		conditions.True(s.controlPlane, controlplanev1.ConfigurationAppliedCondition, controlplanev1.ReconciledReason, "")
		return phase.Continue()
	case clusterconfig.VerdictRefused:
		conditions.False(s.controlPlane, controlplanev1.ConfigurationAppliedCondition, controlplanev1.NotReconciledReason,
			"k0s refuses the cluster-wide part of spec.k0sConfig: "+opinion.Message)
		return phase.Continue()
	default:
		return s.unknown(awaitingVerdict)
	}
}

// unknown notes that k0s has not spoken, and how soon to look again.
func (s *scope) unknown(message string) phase.Outcome {
	conditions.Unknown(s.controlPlane, controlplanev1.ConfigurationAppliedCondition,
		controlplanev1.ReconciliationUnknownReason, message)
	since := conditions.Get(s.controlPlane, controlplanev1.ConfigurationAppliedCondition).LastTransitionTime
	if s.now.Sub(since.Time) > opinionPatience {
		return phase.Continue()
	}
	return phase.Wait(controlplanev1.WaitingReason, message, opinionDelay)
}
