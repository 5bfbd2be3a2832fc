// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/k0smotron/k0smotron/e2e/lab/machine"
)

// diagnose logs what a person looks at first when a cluster does not do what it should: the conditions, the pods, the last
// events, and what the managers said last, also those that died.
func (l *Lab) diagnose(t *testing.T, cluster string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	conditions, err := l.Clusterctl(ctx, "describe", "cluster", cluster, "--namespace="+Namespace,
		"--show-conditions=all", "--grouping=false")
	tell(t, "conditions of "+cluster, conditions, err)
	objects, err := l.kubectl(ctx, "get", "cluster-api,statefulsets,pods,persistentvolumeclaims,services", "-o", "wide")
	tell(t, "objects", objects, err)
	events, err := l.kubectl(ctx, "get", "events", "--sort-by=.metadata.creationTimestamp")
	tell(t, "last events", tail(events, 60), err)
	l.machineLogs(ctx, t, cluster)
	l.managerLogs(t)
}

// machineLogs logs what the machines of a cluster said last, and which of them its load balancer reaches.
func (l *Lab) machineLogs(ctx context.Context, t *testing.T, cluster string) {
	t.Helper()
	const script = "tail -n 20 /var/log/k0smotron-bootstrap.log; " +
		"journalctl --no-pager --lines=60 --unit=k0scontroller --unit=k0sworker"
	states, err := l.Agent.List(ctx)
	tell(t, "machines", fmt.Sprintf("%+v", states), err)
	host := machine.NewHost(machine.DefaultConfig(l.Paths))
	for _, state := range states {
		if state.Running && belongs(state.Name, cluster) {
			log, err := host.Exec(ctx, state.Name, "sh", "-c", script)
			tell(t, "log of "+state.Name, log, err)
		}
	}
	balancers, err := l.Agent.ListBalancers(ctx)
	tell(t, "load balancers", fmt.Sprintf("%+v", balancers), err)
}

// managerLogs logs what the managers said last.
func (l *Lab) managerLogs(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	ours, err := l.installed(ctx)
	if err != nil {
		tell(t, "managers", "", err)
	}
	for _, manager := range append(ours, "capi", "infrastructure-lab") {
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
