// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/k0smotron/k0smotron/e2e/demo/progress"
	"github.com/k0smotron/k0smotron/e2e/lab/k0s"
	"github.com/k0smotron/k0smotron/e2e/lab/machine"
)

// controlPlaneKind is the kind of a control plane on machines.
const controlPlaneKind = "K0sControlPlane"

// NeedsK0s skips a scenario that the lab's stand-in for k0s cannot play: it is no member of an etcd of several.
func NeedsK0s(t *testing.T) {
	t.Helper()
	if os.Getenv(k0s.Variable) == "" {
		t.Skipf("skipped: more than one controller needs a real k0s, and %s names none", k0s.Variable)
	}
}

// Controllers are the Machines of the control plane, by name.
func (c Cluster) Controllers(t *testing.T) []unstructured.Unstructured {
	t.Helper()
	return slices.DeleteFunc(c.List(t, "Machine"), func(candidate unstructured.Unstructured) bool {
		_, controls := candidate.GetLabels()[clusterv1.MachineControlPlaneLabel]
		return !controls
	})
}

// ControllerNames are the names of the Machines of the control plane.
func (c Cluster) ControllerNames(t *testing.T) []string {
	t.Helper()
	return names(c.Controllers(t))
}

func names(objects []unstructured.Unstructured) []string {
	found := make([]string, 0, len(objects))
	for i := range objects {
		found = append(found, objects[i].GetName())
	}
	slices.Sort(found)
	return found
}

// Change patches the control plane on machines, the way a user does.
func (c Cluster) Change(t *testing.T, patch string) {
	t.Helper()
	c.lab.Kubectl(t, "patch", "k0scontrolplane", c.Name, "--type=merge", "--patch", patch)
}

// Scale wishes for that many controllers.
func (c Cluster) Scale(t *testing.T, replicas int) {
	t.Helper()
	c.Change(t, fmt.Sprintf(`{"spec":{"replicas":%d}}`, replicas))
}

// Replaced wishes for new controllers: the control plane gets another template for its machines, of the same content. It
// ends with the Cluster, which owns it from then on.
func (c Cluster) Replaced(t *testing.T, template string) {
	t.Helper()
	manifest := strings.NewReplacer("{name}", template, "{namespace}", Namespace).Replace(machineTemplate)
	require.NoError(t, c.lab.feed(t.Context(), manifest, "apply"))
	c.Change(t, `{"spec":{"machineTemplate":{"spec":{"infrastructureRef":{"name":"`+template+`"}}}}}`)
}

const machineTemplate = `
apiVersion: infrastructure.cluster.x-k8s.io/v1beta2
kind: LabMachineTemplate
metadata: {name: {name}, namespace: {namespace}}
spec: {template: {spec: {}}}
`

// Exec runs a program in a machine, as root, and returns what it printed. An error has what it complained of.
func (l *Lab) Exec(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	return machine.NewHost(machine.DefaultConfig(l.Paths)).Exec(t.Context(), name, args...)
}

// Stable waits until the control plane is that many controllers, all of them up to date, healthy and members of etcd, and
// returns how long that took.
func (c Cluster) Stable(t *testing.T, replicas int, within time.Duration) time.Duration {
	t.Helper()
	return c.stable(t, replicas, within, func(machines []string) error {
		members, err := c.members(t)
		if err == nil && !slices.Equal(members, machines) {
			err = fmt.Errorf("members of etcd are %v, Machines are %v", members, machines)
		}
		return err
	})
}

// StableElsewhere is Stable for a cluster whose data k0s does not keep itself: it has no members of etcd.
func (c Cluster) StableElsewhere(t *testing.T, replicas int, within time.Duration) time.Duration {
	t.Helper()
	return c.stable(t, replicas, within, func([]string) error { return nil })
}

// stable waits until also what is asked of the names of the Machines is so.
func (c Cluster) stable(
	t *testing.T, replicas int, within time.Duration, also func(machines []string) error,
) time.Duration {
	t.Helper()
	took := every(t, 2*time.Second, within, func() error {
		if err := settled(c.Get(t, controlPlaneKind, c.Name), int64(replicas)); err != nil {
			return err
		}
		controllers := c.ControllerNames(t)
		if len(controllers) != replicas {
			return fmt.Errorf("there are %d Machines of the control plane, not %d", len(controllers), replicas)
		}
		return also(controllers)
	})
	t.Logf("%s has %d controllers after %.0f s", c.Name, replicas, took.Seconds())
	return took
}

// settled says what a control plane still does, by its own status.
func settled(controlPlane *unstructured.Unstructured, replicas int64) error {
	observed, _, _ := unstructured.NestedInt64(controlPlane.Object, "status", "observedGeneration")
	if generation := controlPlane.GetGeneration(); observed != generation {
		return fmt.Errorf("status is of generation %d, not %d", observed, generation)
	}
	var problems []error
	for _, field := range []string{"replicas", "readyReplicas", "availableReplicas", "upToDateReplicas"} {
		if count, _, _ := unstructured.NestedInt64(controlPlane.Object, "status", field); count != replicas {
			problems = append(problems, fmt.Errorf("%s is %d, not %d", field, count, replicas))
		}
	}
	for _, want := range [][2]string{
		{"Available", "True"},
		{"EtcdClusterHealthy", "True"},
		{"ControlPlaneComponentsHealthy", "True"},
		{"ScalingUp", "False"},
		{"ScalingDown", "False"},
		{"RollingOut", "False"},
	} {
		if status, _ := progress.Condition(controlPlane, want[0]); status.Status != want[1] {
			problems = append(problems, fmt.Errorf("%s is %s, not %s: %s", want[0], status.Status, want[1], status.Message))
		}
	}
	return errors.Join(problems...)
}

// Signal sends a signal to a program of a machine. A program that is stopped goes on when the test ends.
func (l *Lab) Signal(t *testing.T, name string, signal machine.Signal) {
	t.Helper()
	count, err := l.Agent.Signal(t.Context(), name, signal)
	require.NoError(t, err)
	t.Logf("sent SIG%s to %d processes %s of %s", signal.Name, count, signal.Process, name)
	if signal.Name == "STOP" {
		goOn := signal
		goOn.Name = "CONT"
		t.Cleanup(func() {
			_, err := l.Agent.Signal(context.WithoutCancel(t.Context()), name, goOn)
			if !errors.Is(err, machine.ErrNotFound) { // The program or its machine has gone meanwhile.
				require.NoError(t, err)
			}
		})
	}
}

// NothingLeft waits until no object and no machine of a cluster is left. All templates have been owned by it.
func (c Cluster) NothingLeft(t *testing.T) {
	t.Helper()
	Eventually(t, 2*time.Minute, func() error {
		if left := Written(nil, c.lab.Objects(t).Of(c.Name).Versions()); len(left) > 0 {
			return fmt.Errorf("left are %s", strings.Join(left, ", "))
		}
		return nil
	})
	states, err := c.lab.Agent.List(t.Context())
	require.NoError(t, err)
	for _, state := range states {
		require.False(t, belongs(state.Name, c.Name), "machine %s is left", state.Name)
	}
	balancers, err := c.lab.Agent.ListBalancers(t.Context())
	require.NoError(t, err)
	for _, balancer := range balancers {
		require.NotEqual(t, Namespace+"."+c.Name, balancer.Name, "a load balancer is left")
	}
}
