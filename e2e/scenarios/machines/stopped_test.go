// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package machines

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/framework"
	"github.com/k0smotron/k0smotron/e2e/lab/machine"
)

// A program of one of three controllers stands still: a condition says so, and nobody is deleted for it, although a rollout
// waits to do so. When the program goes on, so does the rollout.
func TestStopped(t *testing.T) {
	framework.NeedsK0s(t)
	timed(t)
	cluster := lab.CreateOnMachines(t, "stopped", three(t))
	cluster.Works(t, fromNothing(3))
	cluster.Stable(t, 3, fromNothing(1))
	t.Run("EachEtcd", func(t *testing.T) { eachEtcdStops(t, cluster) })
	for _, test := range []struct {
		name           string
		program        machine.Signal
		ofMachine, all string
		template       string
	}{
		{"Etcd", machine.Signal{Process: "etcd"}, "EtcdMemberHealthy", "EtcdClusterHealthy", "stopped-controllers-2"},
		{
			"APIServer",
			machine.Signal{Process: "kube-apiserver"},
			"APIServerHealthy", "ControlPlaneComponentsHealthy",
			"stopped-controllers-3",
		},
		{
			"K0s",
			machine.Signal{Process: "k0s", Argument: "controller"},
			"K0sControllerHealthy",
			"ControlPlaneComponentsHealthy", "stopped-controllers-4",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			timed(t)
			before := uids(t, cluster)
			victim := cluster.ControllerNames(t)[1]
			stop, goOn := test.program, test.program
			stop.Name, goOn.Name = "STOP", "CONT"
			lab.Signal(t, victim, stop)
			one := framework.Condition{Kind: "Machine", Name: victim, Type: test.ofMachine}
			all := framework.Condition{Kind: "K0sControlPlane", Name: cluster.Name, Type: test.all}
			cluster.Becomes(t, one.With("False"), 3*time.Minute)
			cluster.Becomes(t, all.With("False"), requestPatience)

			cluster.Replaced(t, test.template)
			nothingIsDeleted(t, cluster, before, 3*time.Minute)
			lab.Signal(t, victim, goOn)
			cluster.Becomes(t, all.With("True"), 3*time.Minute)
			replaced(t, cluster, slices.Collect(maps.Keys(before)))
		})
	}
	goesAway(t, cluster)
}

// eachEtcdStops: the manager's own connection leads to one of the controllers, and the others are seen through that. Its
// API server answers nothing then.
func eachEtcdStops(t *testing.T, cluster framework.Cluster) {
	t.Helper()
	timed(t)
	before := uids(t, cluster)
	all := framework.Condition{Kind: "K0sControlPlane", Name: cluster.Name, Type: "EtcdClusterHealthy"}
	for _, victim := range cluster.ControllerNames(t) {
		etcd := machine.Signal{Process: "etcd"}
		etcd.Name = "STOP"
		lab.Signal(t, victim, etcd)
		one := framework.Condition{Kind: "Machine", Name: victim, Type: "EtcdMemberHealthy"}
		cluster.Becomes(t, one.With("False"), 2*time.Minute)
		cluster.Becomes(t, all.With("False"), requestPatience)
		etcd.Name = "CONT"
		lab.Signal(t, victim, etcd)
		cluster.Becomes(t, all.With("True"), 3*time.Minute)
	}
	assert.Equal(t, before, uids(t, cluster), "nobody is replaced for it")
}

// nothingIsDeleted watches that all Machines stay, and none of them is being deleted.
func nothingIsDeleted(t *testing.T, cluster framework.Cluster, before map[string]string, watched time.Duration) {
	t.Helper()
	for end := time.Now().Add(watched); time.Now().Before(end); time.Sleep(time.Second) {
		now := uids(t, cluster)
		for name, uid := range before {
			require.Equal(t, uid, now[name], "Machine %s, while a member is not healthy", name)
		}
		for _, controller := range cluster.Controllers(t) {
			require.Nil(t, controller.GetDeletionTimestamp(), "Machine %s, while a member is not healthy", controller.GetName())
		}
	}
	assert.Len(t, before, 3)
}

// uids are those of the control plane's Machines, by name.
func uids(t *testing.T, cluster framework.Cluster) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, controller := range cluster.Controllers(t) {
		found[controller.GetName()] = string(controller.GetUID())
	}
	return found
}
