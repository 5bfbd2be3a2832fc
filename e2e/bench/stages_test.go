// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k0smotron/k0smotron/e2e/audit"
)

const own = "system:serviceaccount:" + manager + ":manager"

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func request(after float64, user, verb, resource, name string) audit.Request {
	code := 200
	if verb == "create" || verb == "apply" {
		code = 201
	}
	if verb == "apply" {
		verb = "patch"
	}
	return audit.Request{At: begin.Add(seconds(after)), User: user, Verb: verb, Resource: resource, Name: name, Code: code}
}

func at(after float64) metav1.Time { return metav1.NewTime(begin.Add(seconds(after))) }

func seen() evidence {
	controlPlane := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "b-controlplane-0"}, Status: corev1.PodStatus{
		InitContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{FinishedAt: at(4)},
		}}},
	}}
	return evidence{
		name: "b", ready: begin.Add(seconds(12.5)), pods: []corev1.Pod{{}, controlPlane},
		logs: map[string]string{
			"b-etcd-0/etcd":        "2026-01-02T03:04:08.25Z {\"level\":\"info\"}\n2026-01-02T03:04:09Z more",
			"b-controlplane-0/k0s": "2026-01-02T04:04:10.125+01:00 starting\n",
		},
		requests: []audit.Request{
			request(-9, "admin", "apply", "clusters", "another"),
			request(0.1, own, "apply", "secrets", "another-ca"),
			request(0, "admin", "apply", "clusters", "b"),
			request(0.2, own, "patch", "k0smotroncontrolplanes/status", "b"),
			request(0.3, own, "create", "events", "b"),
			request(0.5, own, "apply", "secrets", "b-ca"),
			request(0.4, own, "create", "secrets", "b-sa"),
			request(1.1, "scheduler", "create", "pods/binding", "b-etcd-0"),
			request(1.5, "statefulsets", "create", "pods", "b-controlplane-0"),
			request(1.6, "scheduler", "create", "pods/binding", "b-controlplane-0"),
			request(9, "scheduler", "create", "pods/binding", "b-controlplane-0"),
		},
	}
}

func TestStagesAreReadFromAuditLogAndPods(t *testing.T) {
	t.Parallel()
	e := seen()
	accepted, err := e.accepted()
	require.NoError(t, err)
	assert.Equal(t, begin, accepted)
	var times []float64
	for _, s := range e.stages(accepted) {
		times = append(times, s.after.Seconds())
	}
	assert.Equal(t, []float64{0.4, 1.1, 3.25, 1.5, 1.6, 4, 5.125, 12.5}, times)
}

func TestStagesWithoutEvidence(t *testing.T) {
	t.Parallel()
	e := evidence{name: "b", ready: begin.Add(seconds(1)), logs: map[string]string{"b-etcd-0/etcd": "no time"}}
	_, err := e.accepted()
	require.ErrorContains(t, err, "no Cluster b")
	stages := e.stages(begin)
	for _, s := range stages[:len(stages)-1] {
		assert.Equal(t, unknown, s.after, s.name)
	}
	assert.Equal(t, seconds(1), stages[len(stages)-1].after)
}

func TestACutTimeIsNeverBeforeTheBeginning(t *testing.T) {
	t.Parallel()
	e := seen()
	e.pods[1].Status.InitContainerStatuses[0].State.Terminated.FinishedAt = at(-0.5)
	for _, s := range e.stages(begin) {
		assert.GreaterOrEqual(t, s.after, time.Duration(0), s.name)
	}
}
