// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

func newMachine(t *testing.T) *clusterv1.Machine {
	t.Helper()
	machine := testenv.Machine(env.Namespace(t), "m")
	conditions.True(machine, "Foreign", "Theirs", "")
	env.Create(t, machine)
	return machine
}

func condition(kind string, status metav1.ConditionStatus, after time.Duration) metav1.Condition {
	return metav1.Condition{
		Type: kind, Status: status, Reason: "Because", Message: "it is so",
		LastTransitionTime: metav1.NewTime(testenv.Now.Add(after)),
	}
}

func TestApplyConditionsLeavesOthersAlone(t *testing.T) {
	applier, writes := counted()
	machine := newMachine(t)

	require.NoError(t, applier.ApplyConditions(t.Context(), machine, condition("A", metav1.ConditionTrue, 0),
		condition("B", metav1.ConditionFalse, 0)))
	require.EqualValues(t, 1, writes.Load(), "all in one request")
	env.Get(t, machine)
	assert.True(t, conditions.IsTrue(machine, "A"))
	assert.True(t, conditions.IsTrue(machine, "Foreign"))
	assert.NotNil(t, conditions.Get(machine, "B"))

	require.NoError(t, applier.ApplyConditions(t.Context(), machine, condition("A", metav1.ConditionTrue, time.Hour),
		condition("B", metav1.ConditionFalse, time.Hour)))
	assert.EqualValues(t, 1, writes.Load(), "no difference, no request: the time alone is none")
}

func TestApplyConditionsKeepsTheTimeOfTheLastChange(t *testing.T) {
	applier, _ := counted()
	machine := newMachine(t)
	require.NoError(t, applier.ApplyConditions(t.Context(), machine, condition("A", metav1.ConditionTrue, 0)))
	env.Get(t, machine)

	other := condition("A", metav1.ConditionTrue, time.Hour)
	other.Message = "and it still is"
	require.NoError(t, applier.ApplyConditions(t.Context(), machine, other))
	env.Get(t, machine)
	assert.Equal(t, testenv.Now, conditions.Get(machine, "A").LastTransitionTime.UTC())
	assert.Equal(t, "and it still is", conditions.Get(machine, "A").Message)

	require.NoError(t, applier.ApplyConditions(t.Context(), machine, condition("A", metav1.ConditionFalse, time.Hour)))
	env.Get(t, machine)
	assert.Equal(t, testenv.Now.Add(time.Hour), conditions.Get(machine, "A").LastTransitionTime.UTC())
}

func TestApplyConditionsRemovesItsOwn(t *testing.T) {
	applier, _ := counted()
	machine := newMachine(t)
	require.NoError(t, applier.ApplyConditions(t.Context(), machine, condition("A", metav1.ConditionTrue, 0),
		condition("B", metav1.ConditionTrue, 0)))
	env.Get(t, machine)
	require.NoError(t, applier.ApplyConditions(t.Context(), machine, condition("A", metav1.ConditionFalse, 0)))
	env.Get(t, machine)
	assert.Nil(t, conditions.Get(machine, "B"))
	assert.NotNil(t, conditions.Get(machine, "Foreign"))
}

func TestApplyConditionsOfWhatIsGone(t *testing.T) {
	applier, _ := counted()
	machine := newMachine(t)
	gone := machine.DeepCopy()
	require.NoError(t, env.Client.Delete(t.Context(), machine))
	require.NoError(t, applier.ApplyConditions(t.Context(), gone, condition("A", metav1.ConditionTrue, 0)))
	require.Error(t, env.Client.Get(t.Context(), client.ObjectKeyFromObject(gone), gone), "it is not made again")
}
