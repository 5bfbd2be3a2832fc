// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// claim is the volume that the StatefulSet controller makes for etcd.
func (w *world) claim() *corev1.PersistentVolumeClaim {
	w.t.Helper()
	claim := newClaim(w.identity(), "data-"+w.etcdSetName()+"-0")
	env.Create(w.t, claim)
	return claim
}

func newClaim(identity child.Identity, name string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: identity.Namespace, Name: name, Labels: identity.Selector(child.RoleEtcd)},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceStorage: quantity("1Gi")},
			},
		},
	}
}

func (w *world) gone(object client.Object) {
	w.t.Helper()
	err := env.Client.Get(w.t.Context(), client.ObjectKeyFromObject(object), object)
	if err == nil {
		assert.False(w.t, object.GetDeletionTimestamp().IsZero(), "%T %s is not being deleted", object, object.GetName())
		return
	}
	assert.True(w.t, apierrors.IsNotFound(err), "%v", err)
}

// TestDeletion: the API server stays until the last Machine is gone; then goes everything, volumes too.
func TestDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t).available()
	claim, set := w.claim(), w.podSet()
	other := w.claimOfAnother()
	for i := range 7 {
		env.Create(t, testenv.Machine(w.namespace, fmt.Sprintf("worker-%d", i)))
	}
	require.NoError(t, env.Client.Delete(t.Context(), w.controlPlane))

	w.reconcile()
	deleting := w.is(controlplanev1.DeletingCondition, metav1.ConditionTrue)
	assert.Equal(t, controlplanev1.WaitingForWorkersDeletionReason, deleting.Reason)
	assert.Contains(t, deleting.Message, "worker-0, worker-1, worker-2, worker-3, worker-4 and 2 more")
	w.is(controlplanev1.AvailableCondition, metav1.ConditionFalse)
	assert.Equal(t, set.ResourceVersion, w.podSet().ResourceVersion)
	assert.Equal(t, int32(1), *w.controlPlane.Status.ReadyReplicas)
	before := w.versions()
	w.reconcile()
	assert.Equal(t, before, w.versions(), "waiting writes nothing")

	for i := range 7 {
		require.NoError(t, env.Client.Delete(t.Context(), testenv.Machine(w.namespace, fmt.Sprintf("worker-%d", i))))
	}
	w.reconcile()
	w.gone(w.controlPlane)
	w.gone(set)
	w.gone(&appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: w.etcdSetName()}})
	w.gone(claim)
	assert.True(t, get(w, other.Name, &corev1.PersistentVolumeClaim{}).DeletionTimestamp.IsZero())
	assert.Equal(t, []client.ObjectKey{client.ObjectKeyFromObject(w.cluster)}, w.hosted.forgotten)
	w.reconcile() // an object that is gone is no error
}

// claimOfAnother is a volume of another cluster in the same namespace.
func (w *world) claimOfAnother() *corev1.PersistentVolumeClaim {
	w.t.Helper()
	other := newClaim(child.Identity{Namespace: w.namespace, Cluster: "another"}, "of-another")
	env.Create(w.t, other)
	return other
}

// TestDeletionEarly: before anything exists, and without a Cluster.
func TestDeletionEarly(t *testing.T) {
	t.Parallel()
	t.Run("BeforeTheFirstPass", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		require.NoError(t, env.Client.Delete(t.Context(), w.controlPlane))
		w.reconcile()
		w.gone(w.controlPlane)
	})
	t.Run("AfterTheFirstPass", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.reconcile()
		require.NoError(t, env.Client.Delete(t.Context(), w.controlPlane))
		w.reconcile()
		w.gone(w.controlPlane)
	})
	t.Run("WithoutItsCluster", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t).available()
		require.NoError(t, env.Client.Delete(t.Context(), w.cluster))
		require.NoError(t, env.Client.Delete(t.Context(), w.controlPlane))
		w.reconcile()
		w.gone(w.controlPlane)
	})
	t.Run("Paused", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t).available()
		w.change(func(c *controlplanev1.K0smotronControlPlane) {
			c.Annotations = map[string]string{"cluster.x-k8s.io/paused": ""}
		})
		require.NoError(t, env.Client.Delete(t.Context(), w.controlPlane))
		w.reconcile()
		assert.NotNil(t, w.podSet(), "a paused control plane is not touched, not even when it is being deleted")
	})
}

// machinePool is a pool whose infrastructure makes no Machines.
func machinePool(namespace, name, cluster string) *clusterv1.MachinePool {
	pool := &clusterv1.MachinePool{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: name, Labels: map[string]string{clusterv1.ClusterNameLabel: cluster},
	}}
	pool.Spec.ClusterName = cluster
	pool.Spec.Template.Spec = testenv.Machine(namespace, name).Spec
	pool.Spec.Template.Spec.ClusterName = cluster
	return pool
}

// TestDeletionWaitsForMachinePools, after the Machines, and looks again by itself: their end is not watched.
func TestDeletionWaitsForMachinePools(t *testing.T) {
	t.Parallel()
	w := newWorld(t).available()
	set := w.podSet()
	machine, pool := testenv.Machine(w.namespace, "worker"), machinePool(w.namespace, "pool-a", w.cluster.Name)
	env.Create(t, machine, pool, machinePool(w.namespace, "of-another", "lion"))
	require.NoError(t, env.Client.Delete(t.Context(), w.controlPlane))

	assert.Zero(t, w.reconcile(), "the end of a Machine is watched")
	assert.Contains(t, w.is(controlplanev1.DeletingCondition, metav1.ConditionTrue).Message, "Machines to be deleted")

	require.NoError(t, env.Client.Delete(t.Context(), machine))
	assert.Equal(t, 10*time.Second, w.reconcile().RequeueAfter)
	told := w.is(controlplanev1.DeletingCondition, metav1.ConditionTrue)
	assert.Equal(t, controlplanev1.WaitingForWorkersDeletionReason, told.Reason)
	assert.Contains(t, told.Message, "MachinePools to be deleted, which need the API server until then: pool-a")
	assert.Equal(t, set.ResourceVersion, w.podSet().ResourceVersion)

	require.NoError(t, env.Client.Delete(t.Context(), pool))
	w.reconcile()
	w.gone(w.controlPlane)
}

// TestDeletionWithoutMachinePools: a management cluster need not know the kind. Not knowing Machines is another matter.
func TestDeletionWithoutMachinePools(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		unknown string
		err     error
		stays   bool
	}{
		"NeverServed":  {unknown: "MachinePoolList", err: &meta.NoKindMatchError{}},
		"ServedNoMore": {unknown: "MachinePoolList", err: apierrors.NewNotFound(schema.GroupResource{}, "")},
		"NotAllowed": {
			unknown: "MachinePoolList",
			err:     apierrors.NewForbidden(schema.GroupResource{}, "", nil),
			stays:   true,
		},
		"MachinesAreNo": {unknown: "MachineList", err: &meta.NoKindMatchError{}, stays: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.reconcile()
			w.reconciler.Live = interceptor.NewClient(env.Client, interceptor.Funcs{List: func(
				ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption,
			) error {
				if list.GetObjectKind().GroupVersionKind().Kind == tc.unknown {
					return tc.err
				}
				return c.List(ctx, list, options...)
			}})
			require.NoError(t, env.Client.Delete(t.Context(), w.controlPlane))
			_, err := w.tryReconcile()
			if tc.stays {
				require.ErrorIs(t, err, tc.err)
				assert.NotEmpty(t, w.controlPlane.Finalizers)
				return
			}
			require.NoError(t, err)
			w.gone(w.controlPlane)
		})
	}
}
