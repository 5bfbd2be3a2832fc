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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer cancel()
	tell := func(what, text string, err error) {
		if err != nil {
			text += err.Error()
		}
		t.Logf("---- %s of cluster %s:\n%s", what, cluster, text)
	}
	conditions, err := l.Clusterctl(ctx, "describe", "cluster", cluster, "--namespace="+Namespace,
		"--show-conditions=all", "--disable-grouping")
	tell("conditions", conditions, err)
	objects, err := l.kubectl(ctx, "get", "cluster-api,statefulsets,pods,persistentvolumeclaims,services", "-o", "wide")
	tell("objects", objects, err)
	events, err := l.kubectl(ctx, "get", "events", "--sort-by=.metadata.creationTimestamp")
	tell("events", tail(events, 60), err)
	for _, manager := range []string{BootstrapManager, ControlPlaneManager, "capi", "infrastructure-lab"} {
		namespace := manager
		if manager == "capi" {
			namespace = "capi-system"
		}
		logs, err := l.kubectl(ctx, "logs", "--namespace", namespace, "deployment/"+deployment(manager), "--tail=60")
		tell("log of "+manager+", at the time", logs, err)
		previous, err := l.kubectl(ctx, "logs", "--namespace", namespace, "deployment/"+deployment(manager), "--tail=30",
			"--previous")
		if err == nil { // Else it has not died.
			tell("log of the "+manager+" that died, at the time", previous, nil)
		}
	}
}

// tail are the last lines of a text.
func tail(text string, most int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}
