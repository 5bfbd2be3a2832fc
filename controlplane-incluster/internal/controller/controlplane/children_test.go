// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
)

// children are all objects that were made for a control plane.
func (w *world) children() []client.Object {
	w.t.Helper()
	var children []client.Object
	for _, list := range []client.ObjectList{
		&corev1.SecretList{}, &corev1.ServiceList{}, &appsv1.StatefulSetList{}, &policyv1.PodDisruptionBudgetList{},
	} {
		require.NoError(w.t, env.Client.List(w.t.Context(), list, inNamespace(w)))
		require.NoError(w.t, meta.EachListItem(list, func(item runtime.Object) error {
			children = append(children, item.(client.Object))
			return nil
		}))
	}
	return children
}

// TestChildrenAreOwned: deleting the control plane takes all of them along, and clusterctl finds them.
func TestChildrenAreOwned(t *testing.T) {
	t.Parallel()
	w := newWorld(t).available()
	children := w.children()
	assert.Len(t, children, 9+2+2+2)
	for _, child := range children {
		assert.True(t, metav1.IsControlledBy(child, w.controlPlane), "%T %s", child, child.GetName())
		assert.Equal(t, w.cluster.Name, child.GetLabels()[clusterv1.ClusterNameLabel], "%T %s", child, child.GetName())
	}
}

// TestUsersMetadataStaysOut: labels and annotations of the control plane get into no selector and no pod, so changing
// them restarts nothing.
func TestUsersMetadataStaysOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t).available()
	before := w.versions()
	w.change(func(c *controlplanev1.K0smotronControlPlane) {
		c.Labels["team"] = "cats"
		c.Annotations = map[string]string{"example.org/note": "purr"}
	})
	w.reconcile()
	after := w.versions()
	delete(before, "K0smotronControlPlaneList/tiger")
	delete(after, "K0smotronControlPlaneList/tiger")
	assert.Equal(t, before, after)
}

// TestUsersSpecIsTheirs: nothing of it is written but the endpoint.
func TestUsersSpecIsTheirs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *controlplanev1.K0smotronControlPlane) {
		c.Spec.K0sConfig.Raw = []byte(`{"spec":{"telemetry":{"enabled":false}}}`)
	})
	before := w.controlPlane.Spec.DeepCopy()
	w.available()
	before.ControlPlaneEndpoint = w.controlPlane.Spec.ControlPlaneEndpoint
	assert.Empty(t, cmp.Diff(*before, w.controlPlane.Spec))
}
