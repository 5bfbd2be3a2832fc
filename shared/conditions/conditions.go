// SPDX-License-Identifier: Apache-2.0

// Package conditions holds the few helpers our controllers need over Cluster API's conditions package: one verb per
// status and a summary. Lower-level access stays with Cluster API's package.
package conditions

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	capiconditions "sigs.k8s.io/cluster-api/util/conditions"
)

// Getter reads the conditions of an object.
type Getter = capiconditions.Getter

// Setter reads and writes the conditions of an object.
type Setter = capiconditions.Setter

// NotYetReported is the reason of a condition nobody has written so far; Summary reports it as Unknown.
const NotYetReported = "NotYetReported"

// True sets a condition to True. The message may be empty.
func True(target Setter, conditionType, reason, message string) {
	set(target, conditionType, metav1.ConditionTrue, text{reason, message})
}

// False sets a condition to False: there is evidence against it.
func False(target Setter, conditionType, reason, message string) {
	set(target, conditionType, metav1.ConditionFalse, text{reason, message})
}

// Unknown sets a condition to Unknown: there is no evidence either way. Unknown is not healthy.
func Unknown(target Setter, conditionType, reason, message string) {
	set(target, conditionType, metav1.ConditionUnknown, text{reason, message})
}

// IsTrue says whether the condition exists and is True.
func IsTrue(target Getter, conditionType string) bool {
	return capiconditions.IsTrue(target, conditionType)
}

// Get returns the condition, or nil when nobody has reported it.
func Get(target Getter, conditionType string) *metav1.Condition {
	return capiconditions.Get(target, conditionType)
}

// Summary sets the condition summaryType from others: False when any of them is False, else Unknown when any is
// Unknown or not yet reported, else True with reason trueReason. The message lists what is not True, in the given order,
// so that one look at the summary tells what is awaited.
func Summary(target Setter, summaryType, trueReason string, of ...string) {
	status, reason := metav1.ConditionTrue, trueReason
	messages := make([]string, 0, len(of))
	for _, conditionType := range of {
		condition := orUnreported(capiconditions.Get(target, conditionType), conditionType)
		if condition.Status == metav1.ConditionTrue {
			continue
		}
		if status == metav1.ConditionTrue ||
			(status == metav1.ConditionUnknown && condition.Status == metav1.ConditionFalse) {
			status, reason = condition.Status, condition.Reason
		}
		messages = append(messages, line(condition))
	}
	set(target, summaryType, status, text{reason, strings.Join(messages, "; ")})
}

type text struct{ reason, message string }

func set(target Setter, conditionType string, status metav1.ConditionStatus, t text) {
	capiconditions.Set(target, metav1.Condition{
		Type: conditionType, Status: status, Reason: t.reason, Message: t.message,
	})
}

func orUnreported(condition *metav1.Condition, conditionType string) metav1.Condition {
	if condition != nil {
		return *condition
	}
	return metav1.Condition{
		Type: conditionType, Status: metav1.ConditionUnknown, Reason: NotYetReported, Message: "not yet reported",
	}
}

func line(condition metav1.Condition) string {
	if condition.Message == "" {
		return condition.Type + ": " + condition.Reason
	}
	return condition.Type + ": " + condition.Message
}
