// SPDX-License-Identifier: Apache-2.0

package provisioner

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func claim() *corev1.PersistentVolumeClaim {
	class := "lab"
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Name: "data", Namespace: "default", UID: "1234", Annotations: map[string]string{claimProvisioner: Name},
		},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: &class,
			AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
			},
		},
	}
}

func request(object client.Object) ctrl.Request {
	return ctrl.Request{NamespacedName: client.ObjectKeyFromObject(object)}
}

func TestWantsVolume(t *testing.T) {
	t.Parallel()
	now := metav1.Now()
	tests := map[string]struct {
		change func(*corev1.PersistentVolumeClaim)
		want   bool
	}{
		"Waiting":            {func(*corev1.PersistentVolumeClaim) {}, true},
		"NotAnnotatedYet":    {func(c *corev1.PersistentVolumeClaim) { c.Annotations = nil }, false},
		"AnotherProvisioner": {func(c *corev1.PersistentVolumeClaim) { c.Annotations[claimProvisioner] = "x" }, false},
		"Bound":              {func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeName = "pv" }, false},
		"BeingDeleted":       {func(c *corev1.PersistentVolumeClaim) { c.DeletionTimestamp = &now }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := claim()
			test.change(c)
			assert.Equal(t, test.want, WantsVolume(c))
		})
	}
}

func TestAVolumeLivesAndDies(t *testing.T) {
	t.Parallel()
	c := fake.NewClientBuilder().WithObjects(claim()).WithStatusSubresource(&corev1.PersistentVolume{}).Build()
	r := &Reconciler{Client: c, Node: "node", Directory: t.TempDir()}
	directory := filepath.Join(r.Directory, "pvc-1234")

	for range 2 { // the second attempt finds what the first made
		_, err := r.Claim(t.Context(), request(claim()))
		require.NoError(t, err)
	}
	volume := &corev1.PersistentVolume{}
	require.NoError(t, c.Get(t.Context(), client.ObjectKey{Name: "pvc-1234"}, volume))
	assert.Equal(t, directory, volume.Spec.Local.Path)
	assert.Equal(t, "data", volume.Spec.ClaimRef.Name)
	assert.Equal(t, "lab", volume.Spec.StorageClassName)
	assert.Equal(t, resource.MustParse("1Gi"), volume.Spec.Capacity[corev1.ResourceStorage])
	assert.DirExists(t, directory)

	_, err := r.Volume(t.Context(), request(volume))
	require.NoError(t, err)
	assert.DirExists(t, directory, "a bound volume stays")

	volume.Status.Phase = corev1.VolumeReleased
	require.NoError(t, c.Status().Update(t.Context(), volume))
	_, err = r.Volume(t.Context(), request(volume))
	require.NoError(t, err)
	assert.NoDirExists(t, directory)
	assert.True(t, apierrors.IsNotFound(c.Get(t.Context(), client.ObjectKeyFromObject(volume), volume)))
}

func TestForeignAndRetainedVolumesStay(t *testing.T) {
	t.Parallel()
	volume := BuildVolume(claim(), "node", "/d")
	volume.Status.Phase = corev1.VolumeReleased
	assert.True(t, Disposable(volume))

	retained := volume.DeepCopy()
	retained.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimRetain
	assert.False(t, Disposable(retained))

	foreign := volume.DeepCopy()
	foreign.Annotations = nil
	assert.False(t, Disposable(foreign))
}
