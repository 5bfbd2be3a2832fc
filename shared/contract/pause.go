// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"strings"

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// CheckPaused sets the condition Paused on target and answers Done when nothing may be touched: Cluster.spec.paused is
// set or target carries the annotation cluster.x-k8s.io/paused. cluster may be nil while it is not known. The condition
// is written by the report at the end of the pass, not here.
func CheckPaused(cluster *clusterv1.Cluster, target phase.Target) phase.Outcome {
	var causes []string
	if cluster != nil && cluster.Spec.Paused != nil && *cluster.Spec.Paused {
		causes = append(causes, "Cluster spec.paused is set to true")
	}
	if _, annotated := target.GetAnnotations()[clusterv1.PausedAnnotation]; annotated {
		causes = append(causes, "this object has the annotation "+clusterv1.PausedAnnotation)
	}
	if len(causes) == 0 {
		conditions.False(target, clusterv1.PausedCondition, clusterv1.NotPausedReason, "")
		return phase.Continue()
	}
	conditions.True(target, clusterv1.PausedCondition, clusterv1.PausedReason, strings.Join(causes, ", "))
	return phase.Done()
}
