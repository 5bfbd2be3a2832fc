// SPDX-License-Identifier: Apache-2.0

package controller

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/cluster-api/util/conditions"

	infrav1 "github.com/k0smotron/k0smotron/e2e/infra/api/v1beta2"
)

func markReady(object conditions.Setter) {
	conditions.Set(object, metav1.Condition{
		Type: infrav1.ReadyCondition, Status: metav1.ConditionTrue, Reason: infrav1.ReadyReason,
	})
}

func markNotReady(object conditions.Setter, reason, message string) {
	conditions.Set(object, metav1.Condition{
		Type: infrav1.ReadyCondition, Status: metav1.ConditionFalse, Reason: reason, Message: message,
	})
}
