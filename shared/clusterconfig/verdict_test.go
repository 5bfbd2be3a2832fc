// SPDX-License-Identifier: Apache-2.0

package clusterconfig

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/testenv"
)

// at is minutes after the start of the test.
func at(minutes int) time.Time { return testenv.Now.Add(time.Duration(minutes) * time.Minute) }

func told(reason, message string, when time.Time) corev1.Event {
	return corev1.Event{Reason: reason, Message: message, LastTimestamp: metav1.NewTime(when)}
}

func written(version string, event corev1.Event) corev1.Event {
	event.ResourceVersion = version
	return event
}

func TestLatest(t *testing.T) {
	t.Parallel()
	good, bad := told(reasonReconciled, "fine", at(2)), told(reasonNotReconciled, " broken\n", at(3))
	cases := map[string]struct {
		events []corev1.Event
		since  time.Time
		want   Opinion
	}{
		"Nothing":      {since: at(0)},
		"Good":         {events: []corev1.Event{good}, since: at(1), want: Opinion{VerdictReconciled, "fine"}},
		"BadAfterGood": {events: []corev1.Event{good, bad}, since: at(1), want: Opinion{VerdictRefused, "broken"}},
		"AnyOrder":     {events: []corev1.Event{bad, good}, since: at(1), want: Opinion{VerdictRefused, "broken"}},
		"TooOld":       {events: []corev1.Event{good}, since: at(5)},
		"SameSecond": {
			events: []corev1.Event{good},
			since:  at(2).Add(900 * time.Millisecond),
			want:   Opinion{VerdictReconciled, "fine"},
		},
		"WrittenLastInASecond": {
			events: []corev1.Event{
				written("99", told(reasonReconciled, "before", at(2))),
				written("101", told(reasonNotReconciled, "last", at(2))),
				written("100", told(reasonReconciled, "after", at(2))),
			},
			since: at(1),
			want:  Opinion{VerdictRefused, "last"},
		},
		"OtherReasons": {
			events: []corev1.Event{told("Scheduled", "", at(9)), good},
			since:  at(1),
			want:   Opinion{VerdictReconciled, "fine"},
		},
		"NeverWrittenYet": {events: []corev1.Event{good}, want: Opinion{VerdictReconciled, "fine"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, latest(tc.events, tc.since))
		})
	}
}

// TestHappened: events are written in two ways, and repeated ones are counted instead of written again.
func TestHappened(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		event corev1.Event
		want  time.Time
	}{
		"Old": {event: corev1.Event{LastTimestamp: metav1.NewTime(at(1))}, want: at(1)},
		"New": {event: corev1.Event{EventTime: metav1.NewMicroTime(at(2))}, want: at(2)},
		"Repeated": {
			event: corev1.Event{FirstTimestamp: metav1.NewTime(at(1)), LastTimestamp: metav1.NewTime(at(4))},
			want:  at(4),
		},
		"Series": {
			event: corev1.Event{
				EventTime: metav1.NewMicroTime(at(1)), Series: &corev1.EventSeries{LastObservedTime: metav1.NewMicroTime(at(5))},
			},
			want: at(5),
		},
		"CreatedAfterwards": {
			event: corev1.Event{
				ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(at(9))}, LastTimestamp: metav1.NewTime(at(1)),
			},
			want: at(1),
		},
		"NothingElse": {
			event: corev1.Event{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(at(3))}}, want: at(3),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.True(t, tc.want.Equal(happened(&tc.event)), "%s", happened(&tc.event))
		})
	}
}

func TestLastWrite(t *testing.T) {
	t.Parallel()
	object := &corev1.ConfigMap{}
	assert.True(t, lastWrite(object, "us").IsZero())
	object.SetManagedFields([]metav1.ManagedFieldsEntry{
		{Manager: "us", Time: new(metav1.NewTime(at(1)))},
		{Manager: "us", Subresource: "status", Time: new(metav1.NewTime(at(2)))},
		{Manager: "k0s", Time: new(metav1.NewTime(at(3)))},
		{Manager: "us"},
	})
	assert.True(t, at(2).Equal(lastWrite(client.Object(object), "us")))
}
