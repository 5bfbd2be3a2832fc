// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// hindrance keeps Machines from being made, and is taken away again.
type hindrance struct {
	begin, end func(*world)
	// message is what people read.
	message string
	// told is the condition that is False then, if there is one.
	told string
}

func hindrances() map[string]hindrance {
	return map[string]hindrance{
		"TemplateMissing": {
			begin: func(w *world) {
				require.NoError(w.t, env.Client.Delete(w.t.Context(), testenv.InfraMachineTemplate(w.namespace, template, nil)))
			},
			end: func(w *world) {
				env.Create(w.t, testenv.InfraMachineTemplate(w.namespace, template, map[string]any{"size": "m"}))
			},
			message: testenv.InfraMachineTemplateKind + " " + template,
		},
		"ConfigurationRefused": {
			begin: func(w *world) { w.change(k0s(`{"spec":{"api":{"port":"x"}}}`)) },
			end:   func(w *world) { w.change(k0s(`{}`)) },
			told:  controlplanev1.ConfigurationAppliedCondition, message: "spec.api.port",
		},
		"RangesChanged": {
			begin: func(w *world) { w.clusterPods("10.9.0.0/16") },
			end:   func(w *world) { w.clusterPods() },
			told:  controlplanev1.ConfigurationAppliedCondition, message: "cannot change from 10.244.0.0/16 to 10.9.0.0/16",
		},
		"BootstrapProviderMissing": {
			begin: func(w *world) {
				w.reconciler = w.newReconciler(definitionSeen(func(*metav1.PartialObjectMetadata) bool { return false }))
			},
			end:  func(w *world) { w.reconciler = w.newReconciler(env.Client) },
			told: controlplanev1.BootstrapProviderReadyCondition, message: "clusterctl init --bootstrap k0smotron",
		},
		"LabelRefused": {
			begin:   func(w *world) { w.change(labelled("no label at all")) },
			end:     func(w *world) { w.change(labelled("fine")) },
			message: "spec.machineTemplate",
		},
	}
}

func k0s(config string) func(*controlplanev1.K0sControlPlane) {
	return func(c *controlplanev1.K0sControlPlane) { c.Spec.K0sConfigSpec.K0s.Raw = []byte(config) }
}

// clusterPods changes the ranges of pods in the Cluster, which Cluster API allows.
func (w *world) clusterPods(blocks ...string) {
	w.t.Helper()
	env.Change(w.t, w.cluster, func() { w.cluster.Spec.ClusterNetwork.Pods.CIDRBlocks = blocks })
}

func labelled(value string) func(*controlplanev1.K0sControlPlane) {
	return func(c *controlplanev1.K0sControlPlane) {
		c.Spec.MachineTemplate.ObjectMeta.Labels = map[string]string{"team": value}
	}
}

// TestHeld: what is needed to make Machines may be missing while a cluster is up. Its controllers are judged and let go as
// ever, people read what is missing, and no Machine is made until it is there.
func TestHeld(t *testing.T) {
	t.Parallel()
	for name, h := range hindrances() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, replicas(3)).settled()
			before := w.names()
			join := get(w, contract.JoinInfoName(w.cluster.Name), &corev1.Secret{}).Data
			shared := w.clusterConfig().Object["spec"]
			h.begin(w)
			w.change(replicas(5))
			for range 8 {
				w.step() // Konnectivity is looked at once a minute.
			}
			w.isHeld(h)
			assert.Equal(t, before, w.names())
			assert.Equal(t, join, get(w, contract.JoinInfoName(w.cluster.Name), &corev1.Secret{}).Data)
			assert.Equal(t, shared, w.clusterConfig().Object["spec"])
			w.idles()

			w.double.Kill(before[2])
			w.until("the controller that is down is seen", func() bool {
				return w.controlPlane.Status.ReadyReplicas != nil && *w.controlPlane.Status.ReadyReplicas == 2
			})
			w.remove(before[2])
			w.until("its end", func() bool { return len(w.names()) == 2 })
			assert.Equal(t, before[:2], w.names(), "none is made in its place")
			w.isHeld(h)

			h.end(w)
			w.change(replicas(3))
			w.settled()
			w.is(controlplanev1.MachinesUpToDateCondition, metav1.ConditionTrue)
			w.is(controlplanev1.BootstrapProviderReadyCondition, metav1.ConditionTrue)
		})
	}
}

func (w *world) isHeld(h hindrance) {
	w.t.Helper()
	w.is(controlplanev1.AvailableCondition, metav1.ConditionTrue)
	assert.Contains(w.t, w.condition(controlplanev1.MachinesUpToDateCondition).Message, h.message)
	assert.Contains(w.t, w.is(controlplanev1.ScalingUpCondition, metav1.ConditionTrue).Message,
		"no Machine is made or replaced: ")
	if h.told != "" {
		assert.Contains(w.t, w.is(h.told, metav1.ConditionFalse).Message, h.message)
	}
}

// TestHeldRollout: no Machine goes for one that cannot be made, and those that are too many go all the same.
func TestHeldRollout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, replicas(3), deleteFirst).settled()
	before := w.names()
	w.change(otherTemplate)
	for range 8 {
		w.step()
	}
	assert.Equal(t, before, w.names())
	assert.Contains(t, w.is(controlplanev1.RollingOutCondition, metav1.ConditionTrue).Message, "large")

	w.change(func(c *controlplanev1.K0sControlPlane) {
		replicas(1)(c)
		c.Spec.UpdateStrategy = controlplanev1.UpdateStrategyRecreate
	})
	w.until("one voter", func() bool { return len(w.double.Voters()) == 1 })
	for range 8 {
		w.step()
	}
	assert.Len(t, w.names(), 1)
	w.is(controlplanev1.MachinesUpToDateCondition, metav1.ConditionFalse)
}

// TestFailuresAreTold: what keeps failing in the middle of a pass is read in the conditions, and goes with its cause.
func TestFailuresAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, replicas(3)).settled()
	var fails atomic.Bool
	fails.Store(true)
	w.reconciler = w.newReconciler(interceptor.NewClient(env.Client, interceptor.Funcs{Delete: func(
		ctx context.Context, c client.WithWatch, object client.Object, options ...client.DeleteOption,
	) error {
		if _, isMachine := object.(*clusterv1.Machine); isMachine && fails.Load() {
			return errors.New("no machine may go today")
		}
		return c.Delete(ctx, object, options...)
	}}))
	w.change(replicas(1))
	for range 6 {
		if _, err := w.tryReconcile(); err != nil {
			require.ErrorContains(t, err, "no machine may go today")
		}
		require.NoError(t, w.double.Turn(t.Context()))
		w.clock.Step(lookEvery)
	}
	for _, told := range []string{controlplanev1.MachinesReadyCondition, controlplanev1.ScalingDownCondition} {
		assert.Contains(t, w.is(told, metav1.ConditionTrue).Message, "no machine may go today")
	}
	fails.Store(false)
	w.settled()
	assert.NotContains(t, w.conditions(), "no machine may go today")
}

// TestAccessFails: a cluster that is up is looked at, told and let go of although its Secrets cannot be written, and what
// fails is told. Nothing is written for that again and again.
func TestAccessFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, replicas(3)).settled()
	var fails atomic.Bool
	fails.Store(true)
	w.reconciler = w.newReconciler(interceptor.NewClient(env.Client, interceptor.Funcs{Apply: func(
		ctx context.Context, c client.WithWatch, object runtime.ApplyConfiguration, options ...client.ApplyOption,
	) error {
		named, ok := object.(interface{ GetKind() string })
		if ok && named.GetKind() == "Secret" && fails.Load() {
			return errors.New("no Secret today")
		}
		return c.Apply(ctx, object, options...)
	}}))
	w.change(func(c *controlplanev1.K0sControlPlane) {
		c.Spec.KubeconfigSecretMetadata.Labels = map[string]bootstrapv1.LabelValue{"team": "zoo"}
	})
	for range 8 {
		w.step()
	}
	assert.Equal(t, int32(3), *w.controlPlane.Status.ReadyReplicas)
	w.is(controlplanev1.AvailableCondition, metav1.ConditionTrue)
	w.is(controlplanev1.CertificatesAvailableCondition, metav1.ConditionTrue)
	assert.Contains(t, w.is(controlplanev1.MachinesReadyCondition, metav1.ConditionTrue).Message, "no Secret today")
	w.idles()
	name := w.names()[0]
	w.remove(name)
	w.until("its end", func() bool { return !slices.Contains(w.names(), name) })
	fails.Store(false)
	w.settled()
	assert.NotContains(t, w.conditions(), "no Secret today")
}

// TestAJoinerGoesWhileHeld: also where no config can be made, it is known what a machine was told, and nothing of it is left
// behind.
func TestAJoinerGoesWhileHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t).settled()
	first := w.names()
	w.double.NextJoinerDies()
	w.change(replicas(3))
	var joiner string
	w.until("a joiner that was told", func() bool {
		for _, machine := range w.machines() {
			if machine.Name != first[0] && machine.Status.Initialization.InfrastructureProvisioned != nil {
				joiner = machine.Name
			}
		}
		return joiner != ""
	})
	tokens := w.reconciler.Tokens
	config := get(w, joiner, &bootstrapv1.K0sControllerConfig{})
	record, err := tokens.Record(t.Context(), config, w.cluster.Name, jointoken.Controller)
	require.NoError(t, err)
	require.NoError(t, tokens.Ensure(t.Context(), w.workload, record))
	foreign := func(crd *metav1.PartialObjectMetadata) bool {
		crd.Labels[clusterv1.ProviderNameLabel] = "bootstrap-of-somebody-else"
		return true
	}
	w.reconciler = w.newReconciler(definitionSeen(foreign))
	w.remove(joiner)
	w.until("its end", func() bool { return !slices.Contains(w.names(), joiner) })
	w.is(controlplanev1.BootstrapProviderReadyCondition, metav1.ConditionFalse)
	assert.Contains(t, w.controlPlane.Annotations[contract.LeftOverMembersAnnotation], joiner)
	valid, err := tokens.IsValid(t.Context(), w.workload, record)
	require.NoError(t, err)
	assert.False(t, valid, "what it could have joined with is worthless")
}

// TestNotHeldBeforeTheClusterIsUp: a new cluster waits, and says for what.
func TestNotHeldBeforeTheClusterIsUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	missing := hindrances()["TemplateMissing"]
	missing.begin(w)
	w.reconcile()
	assert.Contains(t, w.is(controlplanev1.ConfigurationAppliedCondition, metav1.ConditionFalse).Message, missing.message)
	assert.NotContains(t, w.controlPlane.Annotations, contract.NextMachineAnnotation)
	missing.end(w)
	w.settled()
}
