// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/k0smotron/k0smotron/shared/contract"
)

// leafLife is how long the certificates live that k0s issues itself at every start, and at no other time.
const leafLife = 365 * 24 * time.Hour

// LeavesExpire is when the first of the certificates expires that k0s issued itself in these pods; zero without pods.
func LeavesExpire(pods []corev1.Pod) time.Time {
	started := firstStart(pods)
	if started.IsZero() {
		return time.Time{}
	}
	return started.Add(leafLife)
}

// RestartMark is a mark in the pod template that restarts pods when it changes. It changes when less than a third of the
// life of the certificates is left that k0s issued at its start: a start is the only time at which it renews them. The
// mark is a day, so that all passes of one day make the same one.
func RestartMark(live *appsv1.StatefulSet, pods []corev1.Pod, now time.Time) string {
	mark := ""
	if live != nil {
		mark = live.Spec.Template.Annotations[contract.RestartedAnnotation]
	}
	started := firstStart(pods)
	if started.IsZero() || now.Sub(started) < leafLife*2/3 {
		return mark
	}
	if marked, err := time.Parse(time.DateOnly, mark); err == nil && marked.After(started.Add(-24*time.Hour)) {
		return mark // The restart is under way.
	}
	return now.UTC().Format(time.DateOnly)
}

func firstStart(pods []corev1.Pod) time.Time {
	var first time.Time
	for i := range pods {
		started := pods[i].Status.StartTime
		if started != nil && (first.IsZero() || started.Time.Before(first)) {
			first = started.Time
		}
	}
	return first
}
