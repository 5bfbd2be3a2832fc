// SPDX-License-Identifier: Apache-2.0

package double_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/testenv/double"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// lookEvery is how far two looks are apart.
const lookEvery = 10 * time.Second

// TestLifeOfOne: in memory and on an API server, everything that the reconciler looks at is written, and then rests.
func TestLifeOfOne(t *testing.T) {
	for name, override := range map[string]func(*double.Options){
		"Server":   func(*double.Options) {},
		"InMemory": func(o *double.Options) { o.Workload = double.InMemory() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, override)
			w.controller("m1")
			w.turns(1)
			w.ofMachine("m1")
			w.turns(1)

			assert.True(t, w.Answers())
			objects := w.objects()
			require.Len(t, objects.Members, 1)
			member := objects.Members[0]
			assert.Equal(t, k0snode.JoinedTrue, member.Joined)
			assert.Equal(t, "10.0.0.11", member.PeerAddress)
			assert.False(t, member.Leave)
			assert.Equal(t, []k0snode.ControlNode{{Name: "m1", Version: newest}}, objects.ControlNodes)
			require.Len(t, objects.Leases, 1)
			assert.Equal(t, member.Lease, objects.Leases[0].Name)
			assert.Equal(t, member.Invocation, objects.Leases[0].Holder)
			assert.NotContains(t, objects.Leases[0].Name, "m1", "a host is not called like its Machine")

			config := k0snode.EtcdMemberObject("k0s")
			config.SetGroupVersionKind(double.ClusterConfigKind)
			require.NoError(t, w.workload.Get(t.Context(), client.ObjectKey{Namespace: "kube-system", Name: "k0s"}, config))

			before, renewed := w.versions(), objects.Leases[0].Renewed
			w.turns(2)
			assert.Equal(t, before, w.versions(), "only the lease is written when there is nothing to do")
			assert.True(t, w.objects().Leases[0].Renewed.After(renewed))
			assert.Empty(t, w.Alarms())
		})
	}
}

// ofMachine checks what core and the providers have written.
func (w *world) ofMachine(name string) {
	w.t.Helper()
	machine := w.machine(name)
	assert.Equal(w.t, name, *machine.Spec.Bootstrap.DataSecretName)
	assert.Equal(w.t, "test:///"+name, machine.Spec.ProviderID)
	assert.Contains(w.t, machine.Finalizers, clusterv1.MachineFinalizer)
	assert.Equal(w.t, "Provisioned", machine.Status.Phase, "it has no Node")
	assert.Equal(w.t, "10.0.0.11", machine.Status.Addresses[0].Address)
	assert.True(w.t, *machine.Status.Initialization.InfrastructureProvisioned)

	config := &bootstrapv1.K0sControllerConfig{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}}
	env.Get(w.t, config)
	assert.Equal(w.t, name, config.Status.DataSecretName)
	infra := testenv.InfraMachine(w.namespace, name, "")
	env.Get(w.t, infra)
	addresses, err := contract.Addresses(infra)
	require.NoError(w.t, err)
	assert.Len(w.t, addresses, 1)
	for _, child := range []client.Object{config, infra} {
		require.Len(w.t, child.GetOwnerReferences(), 1, "the Machine takes the place of the control plane")
		assert.Equal(w.t, "Machine", child.GetOwnerReferences()[0].Kind)
	}
}

func TestThreeJoinOneByOne(t *testing.T) {
	w := newWorld(t)
	w.controller("m1")
	w.turns(2)
	w.controller("m2", joins)
	w.turns(2)
	assert.Nil(t, w.machine("m2").Spec.Bootstrap.DataSecretName, "nobody is known to be healthy")

	w.healthy("m1")
	w.turns(1)
	assert.Equal(t, 1, w.Learners(), "it was added, and has not started")
	assert.Nil(t, w.etcdMember("m2"), "nobody sees a learner")
	w.turns(1)
	assert.Equal(t, []string{"m1", "m2"}, w.Voters())
	require.NotNil(t, w.etcdMember("m2"))

	w.controller("m3", joins)
	report := w.judge(4, "m1", "m2", "m3")
	for name, state := range report.States {
		assert.True(t, state.IsHealthyVoter(), "%s: %+v", name, state)
	}
	assert.Len(t, report.States, 3)
}

func TestDelay(t *testing.T) {
	w := newWorld(t, func(o *double.Options) { o.JoinDelay = time.Minute })
	w.controller("m1")
	w.turns(3)
	assert.False(t, w.Answers())
	assert.Nil(t, w.etcdMember("m1"))
	w.clock.Step(time.Minute)
	w.turns(1)
	assert.True(t, w.Answers())
	assert.NotNil(t, w.etcdMember("m1"))
}

func TestHold(t *testing.T) {
	w := newWorld(t)
	parts := []double.Part{double.Bootstrap, double.Infrastructure, double.Joining}
	for _, part := range parts {
		w.Hold(part)
	}
	w.controller("m1")
	w.turns(2)
	assert.Nil(t, w.machine("m1").Spec.Bootstrap.DataSecretName)
	w.Release(double.Bootstrap)
	w.turns(2)
	assert.NotNil(t, w.machine("m1").Spec.Bootstrap.DataSecretName)
	assert.Empty(t, w.machine("m1").Spec.ProviderID)
	w.Release(double.Infrastructure)
	w.turns(2)
	assert.NotEmpty(t, w.machine("m1").Spec.ProviderID)
	assert.Nil(t, w.etcdMember("m1"))
	w.Release(double.Joining)
	w.turns(1)
	assert.NotNil(t, w.etcdMember("m1"))
}

// TestHalfMade: what is not there yet is awaited.
func TestHalfMade(t *testing.T) {
	w := newWorld(t)
	machine := testenv.Machine(w.namespace, "m1", testenv.BootstrappedBy("K0sControllerConfig", "m1"))
	machine.Labels[clusterv1.MachineControlPlaneLabel] = ""
	worker := testenv.Machine(w.namespace, "w1")
	env.Create(t, machine, worker)
	w.turns(2)
	assert.Equal(t, "Pending", w.machine("m1").Status.Phase)
	assert.Empty(t, w.machine("w1").Finalizers, "workers are others' business")
}

// TestWorkersHaveANode and only they.
func TestWorkersHaveANode(t *testing.T) {
	w := newWorld(t)
	w.controller("m1", func(_ *clusterv1.Machine, config *bootstrapv1.K0sControllerConfig) {
		config.Spec.Args = []bootstrapv1.ControllerArg{"--enable-worker"}
	})
	w.turns(2)
	machine := w.machine("m1")
	assert.Equal(t, "Running", machine.Status.Phase)
	node := &corev1.Node{}
	require.NoError(t, w.workload.Get(t.Context(), client.ObjectKey{Name: machine.Status.NodeRef.Name}, node))
	assert.Equal(t, "m1", node.Labels[contract.MachineNameLabel])
}

// TestWithoutEtcd: with kine there are controllers, and no members.
func TestWithoutEtcd(t *testing.T) {
	kine := k0s(`{"spec":{"storage":{"type":"kine"}}}`)
	w := newWorld(t)
	w.controller("m1", kine)
	w.turns(2)
	w.healthy("m1")
	w.controller("m2", kine, joins)
	w.turns(1)
	assert.Empty(t, w.Voters())
	assert.Empty(t, w.objects().Members)
	assert.Len(t, w.objects().ControlNodes, 2)
	assert.Len(t, w.leases(), 2)
	w.Kill("m1")
	assert.True(t, w.Answers())
	w.Kill("m2")
	assert.False(t, w.Answers())
}

// TestDeletion: hooks are awaited in their order; then the machine ends, and what was behind the Machine with it.
func TestDeletion(t *testing.T) {
	w := newWorld(t)
	w.members(nil, "m1", "m2", "m3")
	machine := w.machine("m3")
	machine.Annotations[clusterv1.PreDrainDeleteHookAnnotationPrefix+"/test"] = ""
	require.NoError(t, env.Client.Update(t.Context(), machine))
	require.NoError(t, env.Client.Delete(t.Context(), machine))
	w.turns(2)
	assert.Equal(t, "WaitingForPreDrainHook", w.deleting("m3"))
	w.unhook("m3", clusterv1.PreDrainDeleteHookAnnotationPrefix+"/test")
	w.turns(1)
	assert.Equal(t, "WaitingForPreTerminateHook", w.deleting("m3"))
	assert.Len(t, w.Voters(), 3)

	w.unhook("m3", contract.LeaveHookAnnotation)
	w.turns(2)
	for _, gone := range []client.Object{
		machine, testenv.InfraMachine(w.namespace, "m3", ""),
		&bootstrapv1.K0sControllerConfig{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "m3"}},
		testenv.Secret(w.namespace, "m3", nil),
	} {
		err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(gone), gone)
		assert.True(t, apierrors.IsNotFound(err), "%T: %v", gone, err)
	}
	assert.Len(t, w.Voters(), 3, "it never left etcd")
	report := w.judge(5, "m1", "m2")
	assert.Len(t, report.Strays, 1)
	assert.Equal(t, controlplane.Voting, report.States["m1"].Membership)
}

func (w *world) deleting(name string) string {
	w.t.Helper()
	condition := conditions.Get(w.machine(name), clusterv1.MachineDeletingCondition)
	require.NotNil(w.t, condition)
	return condition.Reason
}

func (w *world) unhook(name, hook string) {
	w.t.Helper()
	machine := w.machine(name)
	delete(machine.Annotations, hook)
	require.NoError(w.t, env.Client.Update(w.t.Context(), machine))
}

// TestPlay: turns are taken until the test ends.
func TestPlay(t *testing.T) {
	w := newWorld(t)
	w.Play(t, 20*time.Millisecond)
	w.controller("m1")
	require.Eventually(t, w.Answers, time.Minute, 20*time.Millisecond)
	first := w.objects().Leases[0].Renewed
	require.Eventually(t, func() bool {
		return w.objects().Leases[0].Renewed.After(first)
	}, time.Minute, 20*time.Millisecond)
}
