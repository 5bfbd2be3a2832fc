// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// TestOneController follows the life of the smallest control plane, from nothing to nothing.
func TestOneController(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reconcile()
	name := w.controlPlane.Annotations[contract.NextMachineAnnotation]
	require.NotEmpty(t, name, "a name is recorded first")
	assert.Empty(t, w.names())

	w.reconcile()
	require.Equal(t, []string{name}, w.names())
	machine := get(w, name, &clusterv1.Machine{})
	assert.True(t, metav1.IsControlledBy(machine, w.controlPlane))
	assert.Contains(t, machine.Annotations, contract.LeaveHookAnnotation)
	config := get(w, name, &bootstrapv1.K0sControllerConfig{})
	assert.Equal(t, bootstrapv1.ControllerRoleFirst, config.Spec.Role)
	assert.Equal(t, testenv.ClusterName, w.infrastructure(name).GetLabels()[clusterv1.ClusterNameLabel])

	w.settled()
	w.is(controlplanev1.InitializedCondition, metav1.ConditionTrue)
	w.is(controlplanev1.AvailableCondition, metav1.ConditionTrue)
	assert.NotContains(t, w.controlPlane.Annotations, contract.NextMachineAnnotation, "the name is forgotten")
	assert.True(t, contract.IsHealthyMember(get(w, name, &clusterv1.Machine{})))
	assert.Equal(t, []string{name}, w.double.Voters())
	w.checkSecrets()
	w.ends()
}

// checkSecrets: what machines and people need is there, and belongs to the control plane.
func (w *world) checkSecrets() {
	w.t.Helper()
	names := []string{contract.KubeconfigName(w.cluster.Name), contract.JoinInfoName(w.cluster.Name)}
	for _, purpose := range pki.Purposes() {
		names = append(names, purpose.SecretName(w.cluster.Name))
	}
	for _, name := range names {
		secret := get(w, name, &corev1.Secret{})
		assert.True(w.t, metav1.IsControlledBy(secret, w.controlPlane), name)
		assert.Equal(w.t, w.cluster.Name, secret.Labels[clusterv1.ClusterNameLabel], name)
	}
}

// ends deletes the control plane.
func (w *world) ends() {
	w.t.Helper()
	require.NoError(w.t, env.Client.Delete(w.t.Context(), w.controlPlane))
	for range 20 {
		if w.gone(w.controlPlane.DeepCopy()) {
			break
		}
		_, err := w.tryReconcile()
		require.NoError(w.t, err)
		require.NoError(w.t, w.double.Turn(w.t.Context()))
		w.clock.Step(lookEvery)
	}
	assert.True(w.t, w.gone(w.controlPlane.DeepCopy()), "%s", w.conditions())
	assert.Empty(w.t, w.names())
}

// TestASharedTemplate: whoever else owns the template of the machines stays an owner, and no two fight.
func TestASharedTemplate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	another := testenv.Cluster(w.namespace, func(c *clusterv1.Cluster) { c.Name = "another" })
	env.Create(t, another)
	shared := testenv.InfraMachineTemplate(w.namespace, template, nil)
	env.Get(t, shared)
	shared.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: clusterv1.GroupVersion.String(), Kind: clusterv1.ClusterKind, Name: another.Name, UID: another.UID,
	}})
	require.NoError(t, env.Client.Update(t.Context(), shared))
	w.settled()
	env.Get(t, shared)
	owners := make([]string, 0, 2)
	for _, owner := range shared.GetOwnerReferences() {
		owners = append(owners, owner.Name)
	}
	assert.Equal(t, []string{another.Name, w.cluster.Name}, owners)
}

// TestThreeControllers: they come one after the other, and none before the one before it works.
func TestThreeControllers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, replicas(3))
	most := 0
	w.until("three voters", func() bool {
		voters := len(w.double.Voters())
		assert.LessOrEqual(t, len(w.names()), voters+1, "one joins at a time")
		most = max(most, len(w.names()))
		return voters == 3
	})
	w.settled()
	assert.Equal(t, 3, most)
	assert.Equal(t, int32(3), *w.controlPlane.Status.Replicas)
	assert.Equal(t, int32(3), *w.controlPlane.Status.ReadyReplicas)
	assert.Equal(t, int32(3), *w.controlPlane.Status.UpToDateReplicas)
	assert.Equal(t, release, w.controlPlane.Status.Version)
	first := 0
	for _, name := range w.names() {
		if get(w, name, &bootstrapv1.K0sControllerConfig{}).Spec.Role == bootstrapv1.ControllerRoleFirst {
			first++
		}
	}
	assert.Equal(t, 1, first)
	w.rests()
	w.ends()
}

// rests: passes over a control plane at rest write nothing, also after the manager was started again.
func (w *world) rests() {
	w.t.Helper()
	w.idles()
	w.reconciler = w.newReconciler(env.Client)
	w.idles()
}

// idles: passes write nothing. Transition times are moved back before: they are full seconds of the real clock, and a
// condition that turns twice within a pass would not be seen by them otherwise.
func (w *world) idles() {
	w.t.Helper()
	for i := range w.controlPlane.Status.Conditions {
		since := &w.controlPlane.Status.Conditions[i].LastTransitionTime
		since.Time = since.Add(-time.Hour)
	}
	require.NoError(w.t, env.Client.Status().Update(w.t.Context(), w.controlPlane))
	before, told := w.versions(), w.conditions()
	for range 3 {
		w.step()
	}
	assert.Equal(w.t, before, w.versions())
	assert.Equal(w.t, told, w.conditions())
}

// TestScale goes from one to three and back. Who leaves does so before its machine is gone.
func TestScale(t *testing.T) {
	t.Parallel()
	w := newWorld(t).settled()
	w.change(replicas(3))
	w.until("three voters", func() bool { return len(w.double.Voters()) == 3 })
	w.settled()
	w.change(replicas(1))
	w.until("one voter", func() bool { return len(w.double.Voters()) == 1 })
	w.settled()
	assert.Equal(t, w.names(), w.double.Voters())
	w.is(controlplanev1.AvailableCondition, metav1.ConditionTrue)
}

// TestRollout replaces every Machine when the version or the template changes, and keeps the quorum.
func TestRollout(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		replicas int32
		strategy func(*controlplanev1.K0sControlPlane)
		change   func(*controlplanev1.K0sControlPlane)
		most     int
	}{
		"One": {replicas: 1, change: otherTemplate, most: 2},
		"Three": {
			replicas: 3, change: func(c *controlplanev1.K0sControlPlane) { c.Spec.Version = "v1.36.4+k0s.0" }, most: 4,
		},
		"DeleteFirst": {replicas: 3, strategy: deleteFirst, change: otherTemplate, most: 3},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, replicas(tc.replicas))
			if tc.strategy != nil {
				w.change(tc.strategy)
			}
			env.Create(t, testenv.InfraMachineTemplate(w.namespace, "large", map[string]any{"size": "l"}))
			w.settled()
			before := w.names()
			w.change(tc.change)
			most := 0
			w.until("others", func() bool {
				now := w.names()
				most = max(most, len(now))
				return !slices.ContainsFunc(before, func(name string) bool { return slices.Contains(now, name) })
			})
			w.settled()
			assert.Equal(t, tc.most, most)
			assert.Len(t, w.double.Voters(), int(tc.replicas))
			w.is(controlplanev1.MachinesUpToDateCondition, metav1.ConditionTrue)
		})
	}
}

func otherTemplate(c *controlplanev1.K0sControlPlane) {
	c.Spec.MachineTemplate.Spec.InfrastructureRef.Name = "large"
}

// TestInPlace: labels, annotations and timeouts reach what exists, and nothing is replaced.
func TestInPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t).settled()
	name := w.names()[0]
	w.change(func(c *controlplanev1.K0sControlPlane) {
		c.Spec.MachineTemplate.ObjectMeta.Labels = map[string]string{"team": "zoo"}
		c.Spec.MachineTemplate.ObjectMeta.Annotations = map[string]string{"note": "feed"}
		c.Spec.MachineTemplate.Spec.Deletion.NodeDrainTimeoutSeconds = new(int32(60))
	})
	w.settled()
	require.Equal(t, []string{name}, w.names())
	machine := get(w, name, &clusterv1.Machine{})
	assert.Equal(t, int32(60), *machine.Spec.Deletion.NodeDrainTimeoutSeconds)
	for _, object := range []client.Object{machine, get(w, name, &bootstrapv1.K0sControllerConfig{}), w.infrastructure(name)} {
		assert.Equal(t, "zoo", object.GetLabels()["team"], "%T", object)
		assert.Equal(t, "feed", object.GetAnnotations()["note"], "%T", object)
	}
	w.change(func(c *controlplanev1.K0sControlPlane) {
		c.Spec.MachineTemplate.ObjectMeta.Labels, c.Spec.MachineTemplate.ObjectMeta.Annotations = nil, nil
	})
	w.settled()
	for _, object := range []client.Object{get(w, name, &clusterv1.Machine{}), w.infrastructure(name)} {
		assert.NotContains(t, object.GetLabels(), "team", "what is no longer wished for goes")
		assert.NotContains(t, object.GetAnnotations(), "note")
		assert.Equal(t, w.cluster.Name, object.GetLabels()[clusterv1.ClusterNameLabel], "ours stay")
	}
}

// TestFailureDomains: controllers are spread.
func TestFailureDomains(t *testing.T) {
	t.Parallel()
	w := newWorld(t, replicas(3))
	for _, name := range []string{"a", "b", "c"} {
		w.cluster.Status.FailureDomains = append(w.cluster.Status.FailureDomains,
			clusterv1.FailureDomain{Name: name, ControlPlane: new(true)})
	}
	require.NoError(t, env.Client.Status().Update(t.Context(), w.cluster))
	w.settled()
	domains := make([]string, 0, 3)
	for _, machine := range w.machines() {
		domains = append(domains, machine.Spec.FailureDomain)
	}
	slices.Sort(domains)
	assert.Equal(t, []string{"a", "b", "c"}, domains)
}

// TestStatusIsRestored: what tells that the cluster is up is lost with the status, and comes back without a second first
// controller.
func TestStatusIsRestored(t *testing.T) {
	t.Parallel()
	w := newWorld(t, replicas(3)).settled()
	before := w.names()
	w.controlPlane.Status = controlplanev1.K0sControlPlaneStatus{}
	w.controlPlane.Status.Replicas = new(int32(0))
	require.NoError(t, env.Client.Status().Update(t.Context(), w.controlPlane))
	w.cluster.Status.Initialization.ControlPlaneInitialized = nil
	require.NoError(t, env.Client.Status().Update(t.Context(), w.cluster))
	w.reconciler = w.newReconciler(env.Client)
	w.reconcile()
	assert.True(t, w.controlPlane.Initialized())
	w.settled()
	assert.Equal(t, before, w.names())
}

// TestForeignControllers: a cluster that has controllers of somebody else's is left alone.
func TestForeignControllers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	machine := testenv.Machine(w.namespace, "theirs")
	machine.Labels[clusterv1.MachineControlPlaneLabel] = ""
	env.Create(t, machine)
	w.reconcile()
	assert.Contains(t, w.is(controlplanev1.AvailableCondition, metav1.ConditionFalse).Message, "theirs")
	assert.Len(t, w.names(), 1)
	assert.NotContains(t, w.controlPlane.Annotations, contract.NextMachineAnnotation)
}

// TestPause: a paused control plane is not touched.
func TestPause(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cluster.Spec.Paused = new(true)
	require.NoError(t, env.Client.Update(t.Context(), w.cluster))
	w.reconcile()
	w.is(controlplanev1.PausedCondition, metav1.ConditionTrue)
	before := w.versions()
	w.reconcile()
	assert.Equal(t, before, w.versions())
	assert.Empty(t, w.controlPlane.Finalizers)
	env.Get(t, w.cluster)
	w.cluster.Spec.Paused = new(false)
	require.NoError(t, env.Client.Update(t.Context(), w.cluster))
	w.settled()
	w.is(controlplanev1.PausedCondition, metav1.ConditionFalse)
}

// TestWaits: what is missing is named, and nothing is made before it is there.
func TestWaits(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		prepare   func(w *world)
		condition string
		message   string
	}{
		"Infrastructure": {
			prepare: func(w *world) {
				w.cluster.Status.Initialization.InfrastructureProvisioned = nil
				require.NoError(w.t, env.Client.Status().Update(w.t.Context(), w.cluster))
			},
			condition: controlplanev1.EndpointReadyCondition, message: "infrastructure of Cluster",
		},
		"Endpoint": {
			prepare: func(w *world) {
				w.cluster.Spec.ControlPlaneEndpoint = clusterv1.APIEndpoint{}
				require.NoError(w.t, env.Client.Update(w.t.Context(), w.cluster))
			},
			condition: controlplanev1.EndpointReadyCondition, message: "controlPlaneEndpoint",
		},
		"Template": {
			prepare: func(w *world) {
				w.change(func(c *controlplanev1.K0sControlPlane) {
					c.Spec.MachineTemplate.Spec.InfrastructureRef.Name = "nowhere"
				})
			},
			condition: controlplanev1.ConfigurationAppliedCondition, message: "nowhere",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tc.prepare(w)
			for range 3 {
				w.reconcile()
			}
			assert.Contains(t, w.is(tc.condition, metav1.ConditionFalse).Message, tc.message)
			assert.Empty(t, w.names())
			assert.Zero(t, *w.controlPlane.Status.Replicas, "counters are explicit zeros")
		})
	}
}

// TestCertificatesAreLost: a CA that is missing from a cluster that was up is told, nothing is made or removed, and the
// controllers are still looked at.
func TestCertificatesAreLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t).settled()
	before := w.names()
	ca := get(w, pki.KubernetesCA.SecretName(w.cluster.Name), &corev1.Secret{})
	require.NoError(t, env.Client.Delete(t.Context(), ca.DeepCopy()))
	w.change(replicas(3))
	for range 5 {
		w.step()
	}
	w.is(controlplanev1.CertificatesAvailableCondition, metav1.ConditionFalse)
	assert.Equal(t, before, w.names())
	assert.True(t, conditions.IsTrue(get(w, before[0], &clusterv1.Machine{}), contract.K0sControllerHealthyCondition))

	ca.ResourceVersion, ca.UID = "", ""
	require.NoError(t, env.Client.Create(t.Context(), ca))
	w.settled()
	w.is(controlplanev1.CertificatesAvailableCondition, metav1.ConditionTrue)
	assert.Len(t, w.names(), 3, fmt.Sprint(w.names()))
}
