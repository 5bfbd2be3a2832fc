// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// TestTheFinalizerComesFirst: nothing is made before a deletion is sure to clean it up.
func TestTheFinalizerComesFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	request := ctrl.Request{NamespacedName: client.ObjectKeyFromObject(w.controlPlane)}
	_, err := w.reconciler.Reconcile(t.Context(), request)
	require.NoError(t, err)
	env.Get(t, w.controlPlane)
	assert.Contains(t, w.controlPlane.Finalizers, controlplanev1.ControlPlaneFinalizer)
	secrets := &corev1.SecretList{}
	require.NoError(t, env.Client.List(t.Context(), secrets, client.InNamespace(w.namespace)))
	assert.Empty(t, secrets.Items)

	w.reconcile()
	w.checkSecrets()
}

// TestRecordsComeFirst: a pass that records a member goes no further, and tells what follows from it in the next one.
func TestRecordsComeFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, replicas(3))
	var members []string
	for pass := 0; pass < 120 && len(members) < 3; pass++ {
		before, name := w.machines(), w.controlPlane.Annotations[contract.NextMachineAnnotation]
		w.reconcile()
		for _, was := range before {
			is := get(w, was.Name, &clusterv1.Machine{})
			if was.Annotations[contract.WasMemberAnnotation] != is.Annotations[contract.WasMemberAnnotation] {
				members = append(members, was.Name)
				assert.Equal(t, was.Status, is.Status)
				assert.Equal(t, name, w.controlPlane.Annotations[contract.NextMachineAnnotation])
				assert.Len(t, w.machines(), len(before))
			}
		}
		w.between()
	}
	assert.ElementsMatch(t, w.names(), members)
}
