// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
)

// leafLife is how long the certificates live that k0s issues itself, unless the configuration says otherwise.
const leafLife = 365 * 24 * time.Hour

// LeafLife is how long the certificates live that k0s issues itself at every start, and at no other time, with the
// configuration in a Secret; nil is the configuration that says nothing.
func LeafLife(config *corev1.Secret) time.Duration {
	if config == nil {
		return leafLife
	}
	document, err := k0sconfig.Parse(config.Data[KeyK0sConfig])
	if err != nil {
		return leafLife // k0s does not run with it.
	}
	text, _, err := unstructured.NestedString(document, "spec", "api", "ca", "certificatesExpireAfter")
	if err != nil {
		return leafLife
	}
	life, err := time.ParseDuration(text)
	if err != nil || life <= 0 {
		return leafLife
	}
	return life
}

// LeavesExpire is when the first of the certificates expires that k0s issued itself in these pods; zero without pods.
func LeavesExpire(pods []corev1.Pod, life time.Duration) time.Time {
	started := firstStart(pods)
	if started.IsZero() {
		return time.Time{}
	}
	return started.Add(life)
}

// RestartMark is a mark in the pod template that restarts pods when it changes. It changes when less than a third of the
// life of the certificates is left that k0s issued at its start: a start is the only time at which it renews them. The
// mark is the start whose certificates have become old, so that all passes make the same one until there is another pod.
func RestartMark(live *appsv1.StatefulSet, pods []corev1.Pod, life time.Duration, now time.Time) string {
	started := firstStart(pods)
	if !started.IsZero() && now.Sub(started) >= life*2/3 {
		return started.UTC().Format(time.RFC3339)
	}
	if live == nil {
		return ""
	}
	return live.Spec.Template.Annotations[contract.RestartedAnnotation]
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
