// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/testenv/double"
)

// TestKonnectivity: without an agent that works, the way that is missing is named, once a Node is there for a while.
func TestKonnectivity(t *testing.T) {
	t.Parallel()
	w := newWorld(t).settled()
	const condition = controlplanev1.KonnectivityReachableCondition
	look := func(after time.Duration) {
		w.clock.Step(after)
		w.step()
	}
	look(time.Minute)
	assert.Contains(t, w.is(condition, metav1.ConditionUnknown).Message, "no Node")

	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", CreationTimestamp: metav1.NewTime(w.clock.Now())}}
	require.NoError(t, w.workload.Create(t.Context(), node))
	look(time.Minute)
	w.is(condition, metav1.ConditionUnknown)
	look(10 * time.Minute)
	assert.Contains(t, w.is(condition, metav1.ConditionFalse).Message, "10.0.0.1:8132")

	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: metav1.NamespaceSystem, Name: "agent", Labels: map[string]string{"k8s-app": "konnectivity-agent"},
	}}
	require.NoError(t, w.workload.Create(t.Context(), pod))
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	require.NoError(t, w.workload.Status().Update(t.Context(), pod))
	look(time.Minute)
	w.is(condition, metav1.ConditionTrue)
	require.NoError(t, w.workload.Delete(t.Context(), pod))
	look(time.Minute)
	w.is(condition, metav1.ConditionFalse)
}

// TestClusterWideConfiguration is applied to the running cluster, replaces nothing, and k0s has the last word.
func TestClusterWideConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t).settled()
	before := w.names()
	w.says("SuccessfulReconcile", "")
	w.step()
	w.is(controlplanev1.ConfigurationAppliedCondition, metav1.ConditionTrue)
	w.verdictOutlivesEvents()

	w.change(func(c *controlplanev1.K0sControlPlane) {
		c.Spec.K0sConfigSpec.K0s.Raw = []byte(`{"spec":{"telemetry":{"enabled":false}}}`)
	})
	w.step()
	w.is(controlplanev1.ConfigurationAppliedCondition, metav1.ConditionUnknown)
	config := w.clusterConfig()
	enabled, found, err := unstructured.NestedBool(config.Object, "spec", "telemetry", "enabled")
	require.NoError(t, err)
	assert.True(t, found && !enabled, "%v", config.Object)

	w.says("FailedReconciling", "it cannot be")
	w.step()
	w.step()
	assert.Contains(t, w.is(controlplanev1.ConfigurationAppliedCondition, metav1.ConditionFalse).Message, "it cannot be")
	assert.Equal(t, before, w.names())

	// A verdict holds in silence, but not for what it was not about.
	w.double.Disconnect()
	w.step()
	w.is(controlplanev1.ConfigurationAppliedCondition, metav1.ConditionFalse)
	w.change(func(c *controlplanev1.K0sControlPlane) {
		c.Spec.K0sConfigSpec.K0s.Raw = []byte(`{"spec":{"telemetry":{"enabled":true}}}`)
	})
	w.step()
	assert.Contains(t, w.is(controlplanev1.ConfigurationAppliedCondition, metav1.ConditionUnknown).Message, "to answer")
	w.double.Connect()
	w.until("the configuration is applied", func() bool {
		enabled, _, err := unstructured.NestedBool(w.clusterConfig().Object, "spec", "telemetry", "enabled")
		require.NoError(t, err)
		return enabled
	})
}

// verdictOutlivesEvents: k0s's events are gone after an hour, and the status after a move.
func (w *world) verdictOutlivesEvents() {
	w.t.Helper()
	inSystem := client.InNamespace(metav1.NamespaceSystem)
	require.NoError(w.t, w.workload.DeleteAllOf(w.t.Context(), &corev1.Event{}, inSystem))
	w.controlPlane.Status.Conditions = nil
	require.NoError(w.t, env.Client.Status().Update(w.t.Context(), w.controlPlane))
	for range 8 {
		w.step() // Konnectivity is looked at once a minute.
	}
	w.is(controlplanev1.ConfigurationAppliedCondition, metav1.ConditionTrue)
	w.idles()
}

func (w *world) clusterConfig() *unstructured.Unstructured {
	w.t.Helper()
	config := &unstructured.Unstructured{}
	config.SetGroupVersionKind(double.ClusterConfigKind)
	key := client.ObjectKey{Namespace: metav1.NamespaceSystem, Name: "k0s"}
	require.NoError(w.t, w.workload.Get(w.t.Context(), key, config))
	return config
}

// says is k0s speaking about its configuration, later than all that was done before.
func (w *world) says(reason, message string) {
	w.t.Helper()
	at := metav1.NewTime(w.clock.Now().Add(time.Minute))
	require.NoError(w.t, w.workload.Create(w.t.Context(), &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: "of-k0s-" + reason},
		InvolvedObject: corev1.ObjectReference{Kind: "ClusterConfig", Namespace: metav1.NamespaceSystem, Name: "k0s"},
		Reason:         reason, Message: message, FirstTimestamp: at, LastTimestamp: at,
	}))
}

// TestExpiry: certificates that run out soon are named with what to do.
func TestExpiry(t *testing.T) {
	t.Parallel()
	w := newWorld(t).settled()
	w.is(controlplanev1.CertificatesCurrentCondition, metav1.ConditionTrue)
	end := w.controlPlane.Status.CertificatesExpiryDate
	assert.WithinDuration(t, w.clock.Now().Add(365*24*time.Hour), end.Time, time.Hour)
	w.clock.Step(280 * 24 * time.Hour)
	w.step()
	assert.Contains(t, w.is(controlplanev1.CertificatesCurrentCondition, metav1.ConditionFalse).Message, w.names()[0])
}
