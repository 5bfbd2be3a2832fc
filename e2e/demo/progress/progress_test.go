// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func machine(conditions ...map[string]any) *unstructured.Unstructured {
	list := make([]any, 0, len(conditions))
	for _, condition := range conditions {
		list = append(list, condition)
	}
	object := &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"conditions": list}}}
	object.SetAPIVersion("cluster.x-k8s.io/v1beta2")
	object.SetKind("Machine")
	object.SetName("m")
	object.SetNamespace("default")
	return object
}

func condition(conditionType, status, message string) map[string]any {
	return map[string]any{"type": conditionType, "status": status, "reason": "Why", "message": message}
}

func TestSayTellsOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	clock := clocktesting.NewFakePassiveClock(time.Unix(0, 0))
	printer := New(&out, clock)
	tell := func(object *unstructured.Unstructured) string {
		out.Reset()
		printer.object(object, []string{"NodeReady"})
		return out.String()
	}

	waiting := machine(condition("NodeReady", "False", "* waiting\n* for a node"), condition("Other", "True", ""))
	assert.Equal(t, "   0.0s  Machine/m                                  NodeReady                      "+
		"False    Why: * waiting * for a node\n", tell(waiting))
	assert.Empty(t, tell(waiting), "nothing is new")
	clock.SetTime(time.Unix(2, 0))
	assert.Equal(t, "   2.0s  Machine/m                                  NodeReady                      "+
		"True     Why\n", tell(machine(condition("NodeReady", "True", "the rest is for machines"))))
}

func TestFollow(t *testing.T) {
	t.Parallel()
	goal := Goal{
		GroupVersionKind: Kinds()[3].GroupVersionKind,
		Phase:            "node ready",
		Condition:        "NodeReady",
		Status:           "True",
	}
	for name, test := range map[string]struct {
		objects []runtime.Object
		failure string
	}{
		"Reached":   {objects: []runtime.Object{machine(condition("NodeReady", "True", ""))}},
		"NoObjects": {failure: "there is no Machine"},
		"NotYet": {
			objects: []runtime.Object{machine(condition("NodeReady", "False", "kubelet is silent"))},
			failure: "Machine/m is not NodeReady=True: kubelet is silent",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scheme := runtime.NewScheme()
			for _, kind := range Kinds() {
				scheme.AddKnownTypeWithName(kind.GroupVersionKind, &unstructured.Unstructured{})
				list := kind.GroupVersionKind
				list.Kind += "List"
				scheme.AddKnownTypeWithName(list, &unstructured.UnstructuredList{})
			}
			c := fake.NewClientBuilder().WithScheme(scheme).WithRuntimeObjects(test.objects...).Build()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()

			var out bytes.Buffer
			reached, err := New(&out, clocktesting.NewFakePassiveClock(time.Unix(0, 0))).
				Follow(ctx, c, "default", []Goal{goal})
			if test.failure != "" {
				require.ErrorContains(t, err, test.failure)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, []Reached{{Phase: "node ready"}}, reached)
			assert.Contains(t, out.String(), "Machine/m")
		})
	}
}

func TestOnlyKindsWithAGoalAreFollowed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		goals []Goal
		kinds []string
	}{
		"Hosted": {
			goals: Goals(),
			kinds: []string{"Cluster", "K0smotronControlPlane", "MachineDeployment", "Machine", "K0sWorkerConfig"},
		},
		"OnMachines": {
			goals: MachineGoals(),
			kinds: []string{
				"Cluster", "MachineDeployment", "Machine", "K0sWorkerConfig", "K0sControlPlane", "K0sControllerConfig",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var kinds []string
			for _, kind := range kindsOf(test.goals) {
				kinds = append(kinds, kind.Kind)
			}
			assert.Equal(t, test.kinds, kinds)
			phases := map[string]bool{}
			for _, goal := range test.goals {
				assert.NotEmpty(t, goal.Version, goal.Phase)
				assert.False(t, phases[goal.Phase], "phase %q occurs twice", goal.Phase)
				phases[goal.Phase] = goal.Phase != ""
			}
		})
	}
}
