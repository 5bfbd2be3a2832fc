// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Goal is a condition that every object of a kind must have; there must be at least one.
type Goal struct {
	schema.GroupVersionKind

	// Phase names the goal in the table of times. Goals without one hold before there is anything: when they were first
	// reached tells nothing, but they must hold at the end.
	Phase string
	// Condition must have Status.
	Condition, Status string
}

// Reached is a phase and when it was reached, since the start.
type Reached struct {
	Phase string
	After time.Duration
}

// Goals are the milestones on the way to a cluster with a hosted control plane that works, in their usual order.
func Goals() []Goal {
	kinds := byName()
	return append([]Goal{
		{kinds["K0smotronControlPlane"], "control plane answers", "Initialized", "True"},
		{kinds["K0smotronControlPlane"], "control plane available", "Available", "True"},
		{kinds["K0sWorkerConfig"], "bootstrap data written", "DataSecretAvailable", "True"},
		{kinds["Machine"], "machine started", "InfrastructureReady", "True"},
		{kinds["Machine"], "node ready", "NodeReady", "True"},
	}, lastGoals()...)
}

// MachineGoals are those on the way to a cluster whose control plane runs on machines. Not every one of these has a Node.
func MachineGoals() []Goal {
	kinds := byName()
	return append([]Goal{
		{kinds["K0sControllerConfig"], "controller data written", "DataSecretAvailable", "True"},
		{kinds["K0sControlPlane"], "control plane answers", "Initialized", "True"},
		{kinds["K0sControlPlane"], "control plane available", "Available", "True"},
		{kinds["K0sWorkerConfig"], "bootstrap data written", "DataSecretAvailable", "True"},
		{kinds["Machine"], "machines started", "InfrastructureReady", "True"},
		{kinds["K0sControlPlane"], "no member missing", "ScalingUp", "False"},
		{kinds["K0sControlPlane"], "no member too many", "ScalingDown", "False"},
		{kinds["K0sControlPlane"], "controllers up to date", "MachinesUpToDate", "True"},
		{kinds["K0sControlPlane"], "etcd healthy", "EtcdClusterHealthy", "True"},
	}, lastGoals()...)
}

// lastGoals are the same for every cluster.
func lastGoals() []Goal {
	kinds := byName()
	return []Goal{
		{kinds["MachineDeployment"], "workers available", "Available", "True"},
		{kinds["MachineDeployment"], "", "MachinesUpToDate", "True"},
		{kinds["MachineDeployment"], "", "RollingOut", "False"},
		{kinds["Cluster"], "cluster available", "Available", "True"},
	}
}

func byName() map[string]schema.GroupVersionKind {
	kinds := map[string]schema.GroupVersionKind{}
	for _, kind := range Kinds() {
		kinds[kind.Kind] = kind.GroupVersionKind
	}
	return kinds
}

// kindsOf are the kinds that have a goal: the others need not even be known to the API server.
func kindsOf(goals []Goal) []Kind {
	return slices.DeleteFunc(Kinds(), func(kind Kind) bool {
		return !slices.ContainsFunc(goals, func(g Goal) bool { return g.Kind == kind.Kind })
	})
}

// unmet says what a goal still waits for; empty when it is reached.
func (g Goal) unmet(ctx context.Context, c client.Reader, namespace string) (string, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(g.GroupVersionKind)
	if err := c.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return "", fmt.Errorf("listing %s: %w", g.Kind, err)
	}
	if len(list.Items) == 0 {
		return "there is no " + g.Kind, nil
	}
	for i := range list.Items {
		condition, _ := Condition(&list.Items[i], g.Condition)
		if condition.Status != g.Status {
			return fmt.Sprintf("%s/%s is not %s=%s: %s",
				g.Kind, list.Items[i].GetName(), g.Condition, g.Status, oneLine(condition.Message)), nil
		}
	}
	return "", nil
}

// Follow prints the progress of the kinds that have a goal until all goals hold at the same time, and says when each was first reached.
func (p *Printer) Follow(ctx context.Context, c client.Reader, namespace string, goals []Goal) ([]Reached, error) {
	first := make(map[string]time.Duration, len(goals))
	var open []string
	for {
		err := p.Look(ctx, c, namespace, kindsOf(goals))
		if err == nil {
			open, err = p.open(ctx, c, namespace, goals, first)
		}
		if err == nil && len(open) == 0 {
			return table(goals, first), nil
		}
		select {
		case <-ctx.Done():
			if err != nil {
				open = append(open, err.Error())
			}
			return nil, fmt.Errorf("%w; still awaited: %s", context.Cause(ctx), strings.Join(open, "; "))
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (p *Printer) open(
	ctx context.Context, c client.Reader, namespace string, goals []Goal, first map[string]time.Duration,
) ([]string, error) {
	var open []string
	for _, goal := range goals {
		unmet, err := goal.unmet(ctx, c, namespace)
		if err != nil {
			return nil, err
		}
		if unmet != "" {
			open = append(open, unmet)
			continue
		}
		if _, reached := first[goal.Phase]; !reached {
			first[goal.Phase] = p.Since()
		}
	}
	return open, nil
}

func table(goals []Goal, first map[string]time.Duration) []Reached {
	reached := make([]Reached, 0, len(goals))
	for _, goal := range goals {
		if goal.Phase == "" {
			continue
		}
		reached = append(reached, Reached{Phase: goal.Phase, After: first[goal.Phase]})
	}
	return reached
}
