// SPDX-License-Identifier: Apache-2.0

package conditions_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/k0smotron/k0smotron/shared/conditions"
)

func TestVerbs(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		set  func(conditions.Setter, string, string, string)
		want metav1.ConditionStatus
	}{
		"True":    {conditions.True, metav1.ConditionTrue},
		"False":   {conditions.False, metav1.ConditionFalse},
		"Unknown": {conditions.Unknown, metav1.ConditionUnknown},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Generation: 3}}
			assert.Nil(t, conditions.Get(target, "Ready"))
			tc.set(target, "Ready", "Why", "because")

			got := conditions.Get(target, "Ready")
			require.NotNil(t, got)
			assert.Equal(t, tc.want, got.Status)
			assert.Equal(t, "Why", got.Reason)
			assert.Equal(t, "because", got.Message)
			assert.EqualValues(t, 3, got.ObservedGeneration)
			assert.Equal(t, tc.want == metav1.ConditionTrue, conditions.IsTrue(target, "Ready"))
		})
	}
}

func TestTransitionTimeStaysWhileTheStatusDoes(t *testing.T) {
	t.Parallel()
	long := metav1.NewTime(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))
	target := &clusterv1.Cluster{}
	target.SetConditions([]metav1.Condition{{
		Type: "Ready", Status: metav1.ConditionFalse, Reason: "Old", LastTransitionTime: long,
	}})
	conditions.False(target, "Ready", "New", "another reason")
	assert.Equal(t, long, conditions.Get(target, "Ready").LastTransitionTime)
	conditions.True(target, "Ready", "Ready", "")
	assert.NotEqual(t, long, conditions.Get(target, "Ready").LastTransitionTime)
}

func TestSummary(t *testing.T) {
	t.Parallel()
	const summary = "Available"
	cases := map[string]struct {
		reason  string
		set     func(conditions.Setter)
		status  metav1.ConditionStatus
		because string
		message string
	}{
		"AllTrue": {
			reason: "everything is well",
			set: func(c conditions.Setter) {
				conditions.True(c, "A", "A", "")
				conditions.True(c, "B", "B", "nice")
			},
			status: metav1.ConditionTrue, because: "AllWell",
		},
		"OneFalse": {
			reason: "one False is enough, its reason is the summary's",
			set: func(c conditions.Setter) {
				conditions.True(c, "A", "A", "")
				conditions.False(c, "B", "Broken", "etcd is down")
			},
			status: metav1.ConditionFalse, because: "Broken", message: "B: etcd is down",
		},
		"FalseBeatsUnknown": {
			reason: "evidence counts more than its absence; all of it is listed, in the order asked for",
			set: func(c conditions.Setter) {
				conditions.Unknown(c, "A", "ConnectionDown", "no contact")
				conditions.False(c, "B", "Broken", "etcd is down")
			},
			status: metav1.ConditionFalse, because: "Broken", message: "A: no contact; B: etcd is down",
		},
		"UnknownIsNotHealthy": {
			reason: "no evidence is no health",
			set: func(c conditions.Setter) {
				conditions.Unknown(c, "A", "ConnectionDown", "")
				conditions.True(c, "B", "B", "")
			},
			status: metav1.ConditionUnknown, because: "ConnectionDown", message: "A: ConnectionDown",
		},
		"NotReported": {
			reason:  "what nobody has looked at is unknown",
			set:     func(c conditions.Setter) { conditions.True(c, "A", "A", "") },
			status:  metav1.ConditionUnknown,
			because: conditions.NotYetReported, message: "B: not yet reported",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := &clusterv1.Cluster{}
			tc.set(target)
			conditions.Summary(target, summary, "AllWell", "A", "B")

			got := conditions.Get(target, summary)
			require.NotNil(t, got)
			assert.Equal(t, tc.status, got.Status, tc.reason)
			assert.Equal(t, tc.because, got.Reason, tc.reason)
			assert.Equal(t, tc.message, got.Message, tc.reason)
		})
	}
}
