// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// disown takes back what core adds to a control plane: its owner and its label.
func (w *world) disown() *world {
	w.t.Helper()
	w.change(func(c *controlplanev1.K0smotronControlPlane) { c.OwnerReferences, c.Labels = nil, nil })
	return w
}

// refer changes the Cluster's reference to its control plane.
func (w *world) refer(change func(*clusterv1.ContractVersionedObjectReference)) {
	w.t.Helper()
	env.Get(w.t, w.cluster)
	change(&w.cluster.Spec.ControlPlaneRef)
	require.NoError(w.t, env.Client.Update(w.t.Context(), w.cluster))
}

// another is a second Cluster, lion, that refers to the control plane.
func (w *world) another() {
	w.t.Helper()
	other := testenv.Cluster(w.namespace, func(c *clusterv1.Cluster) {
		c.Name, c.Spec.ControlPlaneRef = "lion", w.cluster.Spec.ControlPlaneRef
	})
	env.Create(w.t, other)
}

// nothing has been made.
func (w *world) nothing() {
	w.t.Helper()
	assert.Len(w.t, w.versions(), 1, "the control plane alone")
	assert.Empty(w.t, w.controlPlane.Finalizers)
}

// TestComesUpBeforeItIsOwned: what is made before core has set the owner is what would have been made after.
func TestComesUpBeforeItIsOwned(t *testing.T) {
	t.Parallel()
	owned, early := newWorld(t).available(), newWorld(t).disown().available()
	want, got := owned.made(), early.made()
	require.NotEmpty(t, want)
	assert.Equal(t, want, got)

	// Core comes: nothing is made anew.
	before := early.versions()
	early.change(func(c *controlplanev1.K0smotronControlPlane) {
		testenv.OwnedBy(c, early.cluster, clusterv1.GroupVersion.WithKind("Cluster"))
		c.Labels = map[string]string{clusterv1.ClusterNameLabel: early.cluster.Name}
	})
	early.reconcile()
	after := early.versions()
	delete(before, "K0smotronControlPlaneList/"+early.controlPlane.Name)
	delete(after, "K0smotronControlPlaneList/"+early.controlPlane.Name)
	assert.Equal(t, before, after)
}

// made are the children by kind and name, with their labels. Every one is the control plane's.
func (w *world) made() map[string]map[string]string {
	w.t.Helper()
	made := map[string]map[string]string{}
	for _, child := range w.children() {
		assert.True(w.t, metav1.IsControlledBy(child, w.controlPlane), "%T %s", child, child.GetName())
		made[fmt.Sprintf("%T %s", child, child.GetName())] = child.GetLabels()
	}
	return made
}

// TestNoCluster: without a Cluster nothing happens, and the condition says what is awaited.
func TestNoCluster(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*world)
		want   string
	}{
		"NoReference": {
			change: func(w *world) {
				w.refer(func(r *clusterv1.ContractVersionedObjectReference) {
					*r = clusterv1.ContractVersionedObjectReference{}
				})
			},
			want: "refer to it from Cluster spec.controlPlaneRef",
		},
		"OtherName": {
			change: func(w *world) {
				w.refer(func(r *clusterv1.ContractVersionedObjectReference) { r.Name = "lion" })
			},
			want: "refer to it from Cluster spec.controlPlaneRef",
		},
		"OtherKind": {
			change: func(w *world) {
				w.refer(func(r *clusterv1.ContractVersionedObjectReference) { r.Kind = "K0sControlPlane" })
			},
			want: "refer to it from Cluster spec.controlPlaneRef",
		},
		"OtherGroup": {
			change: func(w *world) {
				w.refer(func(r *clusterv1.ContractVersionedObjectReference) { r.APIGroup = "example.org" })
			},
			want: "refer to it from Cluster spec.controlPlaneRef",
		},
		"Two": {
			change: func(w *world) { w.another() },
			want:   "waiting for one of the Clusters lion, tiger to own this object",
		},
		"BeingDeleted": {
			change: func(w *world) {
				w.cluster.Finalizers = []string{"example.org/test"}
				require.NoError(w.t, env.Client.Update(w.t.Context(), w.cluster))
				require.NoError(w.t, env.Client.Delete(w.t.Context(), w.cluster))
			},
			want: "refer to it from Cluster spec.controlPlaneRef",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).disown()
			tc.change(w)
			w.reconcile()
			assert.Contains(t, w.is(controlplanev1.AvailableCondition, metav1.ConditionFalse).Message, tc.want)
			w.nothing()
		})
	}
}

// TestTheOwnerCounts, whoever else refers to the control plane, and also while the owner is not there.
func TestTheOwnerCounts(t *testing.T) {
	t.Parallel()
	t.Run("AnotherRefersToo", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.another()
		w.available()
		assert.Equal(t, newWorld(t).available().made(), w.made())
	})
	t.Run("OnlyAnotherRefers", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.another()
		w.refer(func(r *clusterv1.ContractVersionedObjectReference) { *r = clusterv1.ContractVersionedObjectReference{} })
		w.reconcile()
		assert.NotNil(t, w.secret("ca"), "that of the owner")
	})
	t.Run("TheOwnerIsGone", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.another()
		require.NoError(t, env.Client.Delete(t.Context(), w.cluster))
		w.reconcile()
		assert.Contains(t, w.is(controlplanev1.AvailableCondition, metav1.ConditionFalse).Message, "Cluster tiger to exist")
		w.nothing()
	})
}

// TestPausedBeforeItIsOwned: a paused Cluster's control plane is not begun.
func TestPausedBeforeItIsOwned(t *testing.T) {
	t.Parallel()
	w := newWorld(t).disown()
	w.cluster.Spec.Paused = new(true)
	require.NoError(t, env.Client.Update(t.Context(), w.cluster))
	w.reconcile()
	w.is(controlplanev1.PausedCondition, metav1.ConditionTrue)
	w.nothing()
}

// TestDeletionBeforeItIsOwned: nothing is left behind, even if the Cluster has gone without a trace.
func TestDeletionBeforeItIsOwned(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*world){
		"ClusterStays": func(*world) {},
		"ClusterGone": func(w *world) {
			require.NoError(w.t, env.Client.Delete(w.t.Context(), w.cluster))
		},
		"ClusterGoing": func(w *world) {
			env.Get(w.t, w.cluster)
			w.cluster.Finalizers = []string{"example.org/test"}
			require.NoError(w.t, env.Client.Update(w.t.Context(), w.cluster))
			require.NoError(w.t, env.Client.Delete(w.t.Context(), w.cluster))
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).disown()
			w.reconcile()
			set, claim := w.etcdSet(), w.claim()
			change(w)
			require.NoError(t, env.Client.Delete(t.Context(), w.controlPlane))
			w.reconcile()
			w.gone(w.controlPlane)
			w.gone(set)
			w.gone(claim)
		})
	}
}

// TestBeginsWithTheCluster: the Cluster that refers to the control plane wakes it; nobody waits for core.
func TestBeginsWithTheCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t).disown()
	require.NoError(t, env.Client.Delete(t.Context(), w.cluster))
	w.start()
	w.becomes(controlplanev1.AvailableCondition, metav1.ConditionFalse, soon)
	w.nothing()

	again := w.cluster.DeepCopy()
	again.ResourceVersion, again.UID = "", ""
	begun := time.Now()
	env.Create(t, again)
	w.exists(w.etcdSetName(), &appsv1.StatefulSet{})
	assert.Less(t, time.Since(begun), 5*time.Second, "there is no pause on the way")
}
