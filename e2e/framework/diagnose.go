// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"strings"
	"testing"
	"time"
)

// diagnose logs what a person looks at first when a cluster does not do what it should: the conditions, the pods, the last
// events, and what the managers said last, also those that died.
func (l *Lab) diagnose(t *testing.T, cluster string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	conditions, err := l.Clusterctl(ctx, "describe", "cluster", cluster, "--namespace="+Namespace,
		"--show-conditions=all", "--disable-grouping")
	tell(t, "conditions of "+cluster, conditions, err)
	objects, err := l.kubectl(ctx, "get", "cluster-api,statefulsets,pods,persistentvolumeclaims,services", "-o", "wide")
	tell(t, "objects", objects, err)
	events, err := l.kubectl(ctx, "get", "events", "--sort-by=.metadata.creationTimestamp")
	tell(t, "last events", tail(events, 60), err)
	l.managerLogs(t)
}

// managerLogs logs what the managers said last.
func (l *Lab) managerLogs(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	for _, manager := range []string{BootstrapManager, ControlPlaneManager, "capi", "infrastructure-lab"} {
		namespace := manager
		if manager == "capi" {
			namespace = "capi-system"
		}
		logs, err := l.kubectl(ctx, "logs", "--namespace", namespace, "deployment/"+deployment(manager), "--tail=60")
		tell(t, "log of "+manager, logs, err)
		previous, err := l.kubectl(ctx, "logs", "--namespace", namespace, "deployment/"+deployment(manager), "--tail=30",
			"--previous")
		if err == nil { // Else it has not died.
			tell(t, "log of "+manager+" before it died", previous, nil)
		}
	}
}

func tell(t *testing.T, what, text string, err error) {
	t.Helper()
	if err != nil {
		text += err.Error()
	}
	t.Logf("---- %s:\n%s", what, text)
}

// tail are the last lines of a text.
func tail(text string, most int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}
