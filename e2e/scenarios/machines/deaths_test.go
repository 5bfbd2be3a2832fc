// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package machines

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/k0smotron/k0smotron/e2e/framework"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// Managers that die after each of their actions, from the first object to the last, leave no second machine, no orphan and
// no second CA.
func TestManagersDie(t *testing.T) {
	for _, manager := range []string{framework.MachinesManager, framework.BootstrapManager} {
		t.Run(manager, func(t *testing.T) {
			timed(t)
			t.Cleanup(func() { lab.ReplaceManager(t, manager) })
			cluster := lab.CreateOnMachines(t, "die-"+strings.TrimPrefix(manager, "k0smotron-"))
			killAtEveryAction(t, cluster, manager, 20*time.Minute, func() error {
				if len(cluster.Controllers(t)) != 1 {
					return errors.New("there is no Machine of the control plane yet")
				}
				return cluster.Is(t, framework.Condition{
					Kind: "K0sControlPlane", Name: cluster.Name, Type: "Initialized", Status: "True",
				})
			})
			first := cluster.ControllerNames(t)
			cluster.Works(t, fromNothing(1))
			cluster.Stable(t, 1, fromNothing(1))
			assert.Equal(t, first, cluster.ControllerNames(t), "the machine was made once")

			lab.Kubectl(t, "delete", "cluster", cluster.Name, "--wait=false")
			killAtEveryAction(t, cluster, manager, 10*time.Minute, func() error {
				if left := lab.Kubectl(t, "get", "cluster", cluster.Name, "--ignore-not-found", "-o", "name"); left != "" {
					return errors.New(left + " is left")
				}
				return nil
			})
			cluster.NothingLeft(t)
		})
	}
}

// The same while three controllers are replaced.
func TestManagerDiesInARollout(t *testing.T) {
	framework.NeedsK0s(t)
	timed(t)
	t.Cleanup(func() { lab.ReplaceManager(t, framework.MachinesManager) })
	cluster := lab.CreateOnMachines(t, "die-rolling", three(t))
	cluster.Works(t, fromNothing(3))
	cluster.Stable(t, 3, fromNothing(1))
	before := cluster.ControllerNames(t)
	writer := cluster.Writes(t)
	cluster.Replaced(t, "die-rolling-controllers-2")
	killAtEveryAction(t, cluster, framework.MachinesManager, 40*time.Minute, func() error {
		now := cluster.ControllerNames(t)
		require.LessOrEqual(t, len(now), 4, "one more than wished at most: %v", now)
		if slices.ContainsFunc(now, func(name string) bool { return slices.Contains(before, name) }) {
			return fmt.Errorf("still there are Machines of before: %v", now)
		}
		return nil
	})
	cluster.Stable(t, 3, 10*time.Minute)
	assert.LessOrEqual(t, writer.Stop(t), tolerable, "nothing could be written")
	goesAway(t, cluster)
}

// killAtEveryAction kills a manager whenever an object of the control plane has been made or deleted, until there is no
// error. Each time it gets a new pod, which the kubelet starts at once.
func killAtEveryAction(
	t *testing.T, cluster framework.Cluster, manager string, within time.Duration, done func() error,
) {
	t.Helper()
	seen, kills := actions(t, cluster), 0
	framework.Eventually(t, within, func() error {
		now := actions(t, cluster)
		if !slices.Equal(seen, now) {
			t.Logf("since the last look: %v", difference(seen, now))
			framework.KillManager(t, manager)
			lab.ReplaceManager(t, manager)
			seen, kills = now, kills+1
		}
		return done()
	})
	t.Logf("%s was killed %d times", manager, kills)
	require.Positive(t, kills)
}

// actions are the objects of a cluster that managers of control planes on machines make and delete: which there are, and
// which of them are going.
func actions(t *testing.T, cluster framework.Cluster) []string {
	t.Helper()
	all := lab.Kubectl(t, "get", "machines,k0scontrollerconfigs,labmachines,secrets,configmaps", "-o",
		`jsonpath={range .items[*]}{.metadata.name} {.kind} {.metadata.deletionTimestamp}{"\n"}{end}`)
	var found []string
	for line := range strings.Lines(all) {
		if strings.HasPrefix(line, cluster.Name+"-") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	slices.Sort(found)
	return found
}

func difference(before, after []string) []string {
	return slices.DeleteFunc(slices.Clone(after), func(key string) bool { return slices.Contains(before, key) })
}

// A machine that loses its power for good while it joins is replaced. What it may have left in etcd is told, and once that is
// done about it which the control plane says, all is as it was wished.
func TestPowerOffInAJoin(t *testing.T) {
	framework.NeedsK0s(t)
	t.Parallel() // It mostly waits.
	timed(t)
	cluster := lab.CreateOnMachines(t, "off-join")
	cluster.Works(t, fromNothing(1))
	first := cluster.ControllerNames(t)
	writer := cluster.Writes(t)
	cluster.Scale(t, 3)
	victim := joining(t, cluster, first)
	require.NoError(t, lab.Agent.PowerCut(t.Context(), victim))
	t.Logf("%s has no power any more", victim)

	// It is given 15 minutes to become a member.
	address := leftOver(t, cluster, victim)
	removed(t, cluster, first[0], address)
	cluster.Stable(t, 3, 15*time.Minute)
	assert.NotContains(t, cluster.ControllerNames(t), victim)
	assert.Contains(t, cluster.ControllerNames(t), first[0])
	writer.Stop(t)
	goesAway(t, cluster)
}

// leftOver waits until a machine that has gone is recorded as possibly left over in etcd, and returns its address.
func leftOver(t *testing.T, cluster framework.Cluster, victim string) string {
	t.Helper()
	var address string
	framework.Eventually(t, 25*time.Minute, func() error {
		record := cluster.Get(t, "K0sControlPlane", cluster.Name).GetAnnotations()[contract.LeftOverMembersAnnotation]
		_, rest, found := strings.Cut(record, victim+"=")
		address, _, _ = strings.Cut(rest, ",")
		if !found || address == "" {
			return fmt.Errorf("%s is not recorded as left over: %q", victim, record)
		}
		return nil
	})
	return address
}

// removed does what the control plane says about a member that may be left over: it removes it, if it is there, and then the
// record.
func removed(t *testing.T, cluster framework.Cluster, controller, address string) {
	t.Helper()
	unknown := framework.Condition{Kind: "K0sControlPlane", Name: cluster.Name, Type: "EtcdClusterHealthy"}.With("Unknown")
	leave := "k0s etcd leave --peer-address " + address
	cluster.Says(t, unknown, "run '"+leave+"' on a healthy controller", requestPatience)
	if _, err := lab.Exec(t, controller, strings.Fields(leave)...); err != nil {
		require.ErrorContains(t, err, "peer not found")
		t.Logf("etcd holds no member at %s", address)
	}
	lab.Kubectl(t, "annotate", "k0scontrolplane", cluster.Name, contract.LeftOverMembersAnnotation+"-")
}

// joining waits until a new controller begins to join, and returns its name.
func joining(t *testing.T, cluster framework.Cluster, before []string) string {
	t.Helper()
	var name string
	framework.Eventually(t, 6*time.Minute, func() error {
		for _, controller := range cluster.ControllerNames(t) {
			log, err := os.ReadFile(filepath.Join(lab.Paths.State, "machines", controller,
				"upper", "var", "log", "k0smotron-bootstrap.log"))
			if err == nil && !slices.Contains(before, controller) && strings.Contains(string(log), "join: begins") {
				name = controller
				return nil
			}
		}
		return fmt.Errorf("no new controller joins: %v", cluster.ControllerNames(t))
	})
	return name
}

// A machine that loses its power for good while it leaves is taken out of etcd all the same.
func TestPowerOffInALeave(t *testing.T) {
	framework.NeedsK0s(t)
	t.Parallel() // It mostly waits.
	timed(t)
	cluster := lab.CreateOnMachines(t, "off-leave", three(t))
	cluster.Works(t, fromNothing(3))
	cluster.Stable(t, 3, fromNothing(1))
	writer := cluster.Writes(t)
	cluster.Scale(t, 1)
	victim := leaving(t, cluster)
	require.NoError(t, lab.Agent.PowerCut(t.Context(), victim))
	t.Logf("%s has no power any more", victim)

	// k0s waits 5 minutes for a controller that was told to leave and is silent.
	cluster.Stable(t, 1, 25*time.Minute)
	assert.NotContains(t, cluster.ControllerNames(t), victim)
	writer.Stop(t)
	goesAway(t, cluster)
}

// leaving waits until a member of etcd has been told to leave, and returns its name, which is its Machine's.
func leaving(t *testing.T, cluster framework.Cluster) string {
	t.Helper()
	var name string
	framework.Eventually(t, 6*time.Minute, func() error {
		for _, member := range cluster.EtcdMembers(t) {
			if leave, _, _ := unstructured.NestedBool(member.Object, "spec", "leave"); leave {
				name = member.GetName()
				return nil
			}
		}
		return errors.New("no member has been told to leave")
	})
	return name
}

// A cluster whose only controller has no power is deleted all the same.
func TestDeleteWithADeadAPI(t *testing.T) {
	t.Parallel() // It mostly waits.
	timed(t)
	cluster := lab.CreateOnMachines(t, "dead-api")
	cluster.Works(t, fromNothing(1))
	for _, controller := range cluster.ControllerNames(t) {
		require.NoError(t, lab.Agent.PowerCut(t.Context(), controller))
	}
	available := framework.Condition{Kind: "K0sControlPlane", Name: cluster.Name, Type: "Available"}
	cluster.Becomes(t, available.With("Unknown"), 7*time.Minute)
	// Cluster API tries to drain the worker, and gives up.
	lab.Kubectl(t, "delete", "cluster", cluster.Name, "--timeout=15m")
	cluster.NothingLeft(t)
}
