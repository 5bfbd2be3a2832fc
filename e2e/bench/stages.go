// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/k0smotron/k0smotron/e2e/audit"
)

// stage is how far a hosted control plane had got how long after its Cluster was accepted.
type stage struct {
	name  string
	after time.Duration
}

// evidence is all that tells how a hosted control plane came to be.
type evidence struct {
	name string
	// requests are those of everybody to the management cluster.
	requests []audit.Request
	// pods are those of the cluster.
	pods []corev1.Pod
	// logs are the beginnings of their containers' logs, with times, by "<pod>/<container>".
	logs map[string]string
	// ready is when the API server answered 200 for the first time.
	ready time.Time
}

// accepted is when the API server took the Cluster; kubectl itself takes its time before and after.
func (e evidence) accepted() (time.Time, error) {
	at := e.first(func(r audit.Request) bool {
		return r.Resource == "clusters" && r.Name == e.name && r.Code == http.StatusCreated
	})
	if at.IsZero() {
		return at, fmt.Errorf("the audit log knows of no Cluster %s that was created", e.name)
	}
	return at, nil
}

// unknown is the time of a stage that nothing tells about.
const unknown = time.Duration(-1)

// stages are in the order in which they should come. A container has started a moment before it says its first word; the
// pod's status, which is cut to the second, would tell less. For an init container, which may say nothing, there is only
// that: it may seem to be done up to a second too early.
func (e evidence) stages(accepted time.Time) []stage {
	controlPlane, etcd := e.name+"-controlplane-0", e.name+"-etcd-0"
	var stages []stage
	for _, s := range []struct {
		name string
		at   time.Time
	}{
		{"first object of the manager", e.firstObject()},
		{"etcd: pod bound to a node", e.bound(etcd)},
		{"etcd: first line of its log", e.firstLine(etcd + "/etcd")},
		{"control plane: pod created", e.podCreated(controlPlane)},
		{"control plane: pod bound to a node", e.bound(controlPlane)},
		{"control plane: init container done (to the second)", e.initialised(controlPlane)},
		{"control plane: first line of k0s's log", e.firstLine(controlPlane + "/k0s")},
		{"/readyz answers 200 through the endpoint", e.ready},
	} {
		after := unknown
		if !s.at.IsZero() {
			after = max(0, s.at.Sub(accepted))
		}
		stages = append(stages, stage{s.name, after})
	}
	return stages
}

// first is the time of the first request that is wanted.
func (e evidence) first(wanted func(audit.Request) bool) time.Time {
	var first time.Time
	for _, r := range e.requests {
		if wanted(r) && (first.IsZero() || r.At.Before(first)) {
			first = r.At
		}
	}
	return first
}

func (e evidence) firstObject() time.Time {
	own := audit.Writes(audit.About(e.name, audit.Of(manager, e.requests)))
	return evidence{requests: own}.first(func(r audit.Request) bool {
		return r.Code == http.StatusCreated && r.Resource != "events" && !strings.Contains(r.Resource, "/")
	})
}

func (e evidence) podCreated(pod string) time.Time {
	return e.first(func(r audit.Request) bool {
		return r.Verb == "create" && r.Resource == "pods" && r.Name == pod && r.Code == http.StatusCreated
	})
}

func (e evidence) bound(pod string) time.Time {
	return e.first(func(r audit.Request) bool {
		return r.Verb == "create" && r.Resource == "pods/binding" && r.Name == pod && r.Code == http.StatusCreated
	})
}

func (e evidence) pod(name string) corev1.Pod {
	if at := slices.IndexFunc(e.pods, func(pod corev1.Pod) bool { return pod.Name == name }); at >= 0 {
		return e.pods[at]
	}
	return corev1.Pod{}
}

// firstLine is when a container wrote its first line: the word in front of it.
func (e evidence) firstLine(container string) time.Time {
	word, _, _ := strings.Cut(e.logs[container], " ")
	at, err := time.Parse(time.RFC3339Nano, word)
	if err != nil {
		return time.Time{}
	}
	return at
}

func (e evidence) initialised(pod string) time.Time {
	var last time.Time
	for _, status := range e.pod(pod).Status.InitContainerStatuses {
		if ended := status.State.Terminated; ended != nil && ended.FinishedAt.After(last) {
			last = ended.FinishedAt.Time
		}
	}
	return last
}
