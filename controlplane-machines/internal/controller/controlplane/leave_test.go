// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/testenv/double"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// remove deletes a Machine as a user would.
func (w *world) remove(name string) {
	w.t.Helper()
	require.NoError(w.t, env.Client.Delete(w.t.Context(), get(w, name, &clusterv1.Machine{})))
}

// TestAMachineIsDeletedByHand: it leaves etcd first, nothing of it stays in the workload cluster, and it is replaced.
func TestAMachineIsDeletedByHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, replicas(3)).settled()
	name := w.names()[1]
	w.remove(name)
	w.until("its end", func() bool { return !slices.Contains(w.names(), name) })
	w.settled()
	assert.NotContains(t, w.double.Voters(), name)
	assert.Len(t, w.double.Voters(), 3)
	w.nothingWrittenAbout(name)
}

// TestAMachineIsDeletedInSilence: it goes at last though nobody could be asked. Its vote, and what k0s wrote about it, go
// when the cluster answers again.
func TestAMachineIsDeletedInSilence(t *testing.T) {
	t.Parallel()
	w := newWorld(t, replicas(3)).settled()
	name := w.names()[1]
	w.double.Disconnect()
	w.remove(name)
	w.until("its end", func() bool { return !slices.Contains(w.names(), name) })
	assert.Contains(t, w.double.Voters(), name)
	w.double.Connect()
	w.until("three others", func() bool {
		return len(w.double.Voters()) == 3 && !slices.Contains(w.double.Voters(), name)
	})
	w.settled()
	w.nothingWrittenAbout(name)
	w.is(controlplanev1.EtcdClusterHealthyCondition, metav1.ConditionTrue)
}

// TestATokenThatIsMadeValidAgain counts as not revoked: the machine is held until it has been worthless long enough.
func TestATokenThatIsMadeValidAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t).settled()
	first := w.names()[0]
	w.double.Hold(double.Joining)
	w.change(replicas(3))
	w.until("a second machine", func() bool { return len(w.names()) == 2 })
	joiner := slices.DeleteFunc(w.names(), func(name string) bool { return name == first })[0]
	w.until("its data", func() bool {
		return get(w, joiner, &clusterv1.Machine{}).Spec.Bootstrap.DataSecretName != nil
	})
	tokens := w.reconciler.Tokens
	config := get(w, joiner, &bootstrapv1.K0sControllerConfig{})
	record, err := tokens.Record(t.Context(), config, w.cluster.Name, jointoken.Controller)
	require.NoError(t, err)
	invalid := func() bool {
		valid, err := tokens.IsValid(t.Context(), w.workload, record)
		require.NoError(t, err)
		return !valid
	}
	revoked := func() string {
		return get(w, joiner, &clusterv1.Machine{}).Annotations[contract.JoinRevokedAnnotation]
	}

	require.NoError(t, tokens.Ensure(t.Context(), w.workload, record))
	w.remove(joiner)
	w.until("its revocation", invalid)
	once := revoked()
	assert.NotEmpty(t, once)
	require.NoError(t, tokens.Ensure(t.Context(), w.workload, record))
	w.until("another revocation", invalid)
	assert.Greater(t, revoked(), once)
	_, found, err := tokens.Find(t.Context(), config)
	require.NoError(t, err)
	assert.True(t, found, "the record is bootstrap's")
	w.until("its end", func() bool { return !slices.Contains(w.names(), joiner) })
}

func (w *world) nothingWrittenAbout(name string) {
	w.t.Helper()
	for _, kind := range []string{double.EtcdMemberKind.Kind, double.ControlNodeKind.Kind} {
		for _, object := range w.written(kind) {
			assert.NotEqual(w.t, name, object.GetName(), kind)
		}
	}
}

func (w *world) written(kind string) []unstructured.Unstructured {
	w.t.Helper()
	gvk := double.EtcdMemberKind
	if kind == double.ControlNodeKind.Kind {
		gvk = double.ControlNodeKind
	}
	objects, err := double.List(w.t.Context(), w.workload, gvk)
	require.NoError(w.t, err)
	return objects
}

// TestTwoMachinesAreDeletedByHand: they leave one after the other.
func TestTwoMachinesAreDeletedByHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, replicas(3)).settled()
	names := w.names()
	w.remove(names[0])
	w.remove(names[2])
	w.until("their end", func() bool {
		now := w.names()
		return !slices.Contains(now, names[0]) && !slices.Contains(now, names[2])
	})
	w.settled()
	assert.Len(t, w.double.Voters(), 3)
}

// TestNothingIsRemovedBesideADeadMember: a rollout stops while a member is down, says so, and goes on when it is back.
func TestNothingIsRemovedBesideADeadMember(t *testing.T) {
	t.Parallel()
	w := newWorld(t, replicas(3)).settled()
	env.Create(t, testenv.InfraMachineTemplate(w.namespace, "large", map[string]any{"size": "l"}))
	names := w.names()
	w.double.Freeze(names[2])
	for range 6 {
		w.step()
	}
	w.change(otherTemplate)
	for range 12 {
		w.step()
	}
	assert.Equal(t, names, w.names())
	w.is(controlplanev1.EtcdClusterHealthyCondition, metav1.ConditionFalse)
	w.is(controlplanev1.ControlPlaneComponentsHealthyCondition, metav1.ConditionFalse)
	machine := get(w, names[2], &clusterv1.Machine{})
	assert.Equal(t, metav1.ConditionFalse, conditions.Get(machine, contract.K0sControllerHealthyCondition).Status)

	w.double.Thaw(names[2])
	w.until("others", func() bool {
		return !slices.ContainsFunc(w.names(), func(name string) bool { return slices.Contains(names, name) })
	})
	w.settled()
	assert.Len(t, w.double.Voters(), 3)
}

// TestAJoinerDies: a machine that is no member in time is replaced, and what it may have left in etcd is named.
func TestAJoinerDies(t *testing.T) {
	t.Parallel()
	w := newWorld(t).settled()
	first := w.names()[0]
	w.double.NextJoinerDies()
	w.change(replicas(3))
	w.until("a second machine", func() bool { return len(w.names()) == 2 })
	w.until("the learner", func() bool { return w.double.Learners() == 1 })
	dead := slices.DeleteFunc(w.names(), func(name string) bool { return name == first })[0]
	for range 60 {
		if !slices.Contains(w.names(), dead) {
			break
		}
		w.step()
		w.clock.Step(time.Minute)
	}
	w.until("three voters", func() bool { return len(w.double.Voters()) == 3 })
	w.settled()
	assert.Contains(t, w.controlPlane.Annotations[contract.LeftOverMembersAnnotation], dead)
	message := w.is(controlplanev1.EtcdClusterHealthyCondition, metav1.ConditionUnknown).Message
	assert.Contains(t, message, "k0s etcd leave --peer-address")

	w.double.RemoveMember(dead)
	env.Get(t, w.controlPlane)
	delete(w.controlPlane.Annotations, contract.LeftOverMembersAnnotation)
	require.NoError(t, env.Client.Update(t.Context(), w.controlPlane))
	w.settled()
	w.is(controlplanev1.EtcdClusterHealthyCondition, metav1.ConditionTrue)
}

// TestContactIsLost: for a while nothing changes, then nothing is known, and nothing is made or removed. With the contact
// everything comes back.
func TestContactIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, replicas(3)).settled()
	names := w.names()
	w.double.Disconnect()
	for range 6 {
		w.step()
	}
	assert.True(t, contract.IsHealthyMember(get(w, names[0], &clusterv1.Machine{})), "a minute of silence is no evidence")
	w.change(replicas(1))
	for range 36 {
		w.step()
	}
	assert.Equal(t, names, w.names())
	machine := get(w, names[0], &clusterv1.Machine{})
	assert.Equal(t, metav1.ConditionUnknown, conditions.Get(machine, contract.EtcdMemberHealthyCondition).Status)
	w.is(controlplanev1.EtcdClusterHealthyCondition, metav1.ConditionUnknown)

	w.double.Connect()
	w.until("one voter", func() bool { return len(w.double.Voters()) == 1 })
	w.settled()
}

// TestDeletion waits for workers, and then needs nobody's answer.
func TestDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, replicas(3)).settled()
	names := w.names()
	worker := testenv.Machine(w.namespace, "worker")
	env.Create(t, worker)
	require.NoError(t, env.Client.Delete(t.Context(), w.controlPlane))
	w.step()
	w.step()
	assert.Equal(t, controlplanev1.WaitingForWorkersDeletionReason,
		w.is(controlplanev1.DeletingCondition, metav1.ConditionTrue).Reason)
	for _, name := range names {
		assert.Nil(t, get(w, name, &clusterv1.Machine{}).DeletionTimestamp)
	}

	require.NoError(t, env.Client.Delete(t.Context(), worker))
	w.double.Disconnect()
	for _, name := range names[:1] { // Whose infrastructure is gone already.
		require.NoError(t, env.Client.Delete(t.Context(), w.infrastructure(name)))
	}
	env.Get(t, w.cluster)
	w.endsNow()
}

// endsNow is the rest of a deletion.
func (w *world) endsNow() {
	w.t.Helper()
	for range 20 {
		if w.gone(w.controlPlane.DeepCopy()) {
			return
		}
		w.reconcile()
		require.NoError(w.t, w.double.Turn(w.t.Context()))
	}
	require.Failf(w.t, "it does not end", "%s", w.conditions())
}

// TestDeletionBeforeTheFirstMachine: there is nothing to wait for, whatever is missing.
func TestDeletionBeforeTheFirstMachine(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(w *world){
		"AtOnce":     func(*world) {},
		"NameOnly":   func(w *world) { w.reconcile() },
		"HalfMade":   func(w *world) { w.halfMade() },
		"WithoutAll": func(w *world) { require.NoError(w.t, env.Client.Delete(w.t.Context(), w.cluster)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.controlPlane.Finalizers = []string{controlplanev1.ControlPlaneFinalizer}
			require.NoError(t, env.Client.Update(t.Context(), w.controlPlane))
			prepare(w)
			require.NoError(t, env.Client.Delete(t.Context(), w.controlPlane))
			w.endsNow()
			assert.Empty(t, w.names())
		})
	}
}

// halfMade is what a manager leaves that dies before it makes the Machine.
func (w *world) halfMade() {
	w.t.Helper()
	w.reconcile()
	name := w.controlPlane.Annotations[contract.NextMachineAnnotation]
	infra := testenv.InfraMachine(w.namespace, name, "")
	infra.SetLabels(map[string]string{
		clusterv1.ClusterNameLabel: w.cluster.Name, clusterv1.MachineControlPlaneNameLabel: w.controlPlane.Name,
	})
	infra.SetAnnotations(map[string]string{
		clusterv1.TemplateClonedFromNameAnnotation:      template,
		clusterv1.TemplateClonedFromGroupKindAnnotation: "TestMachineTemplate.infrastructure.cluster.x-k8s.io",
	})
	env.Create(w.t, infra)
}

// TestHalfMadeIsFinished: the next pass goes on under the same name.
func TestHalfMadeIsFinished(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.halfMade()
	name := w.controlPlane.Annotations[contract.NextMachineAnnotation]
	w.reconcile()
	assert.Equal(t, []string{name}, w.names())
	w.settled()
	assert.Equal(t, []string{name}, w.names())
}

// TestHalfMadeIsRemoved: what was begun from another template is not finished.
func TestHalfMadeIsRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.halfMade()
	name := w.controlPlane.Annotations[contract.NextMachineAnnotation]
	env.Create(t, testenv.InfraMachineTemplate(w.namespace, "large", map[string]any{"size": "l"}))
	w.change(otherTemplate)
	w.settled()
	assert.NotContains(t, w.names(), name)
	assert.Equal(t, "large",
		w.infrastructure(w.names()[0]).GetAnnotations()[clusterv1.TemplateClonedFromNameAnnotation])
}

// TestSomebodyElsesConfig has the name that was recorded: it is neither used nor changed.
func TestSomebodyElsesConfig(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reconcile()
	name := w.controlPlane.Annotations[contract.NextMachineAnnotation]
	require.NotEmpty(t, name)
	foreign := &bootstrapv1.K0sControllerConfig{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec:       bootstrapv1.K0sControllerConfigSpec{Role: bootstrapv1.ControllerRoleJoining},
	}
	env.Create(t, foreign)
	_, err := w.tryReconcile()
	require.ErrorContains(t, err, "K0sControllerConfig "+name+" exists and does not belong to this control plane")
	assert.Empty(t, w.names())
	assert.Equal(t, foreign.ResourceVersion, get(w, name, &bootstrapv1.K0sControllerConfig{}).ResourceVersion)

	require.NoError(t, env.Client.Delete(t.Context(), foreign))
	w.settled()
	assert.Equal(t, []string{name}, w.names())
}
