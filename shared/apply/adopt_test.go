// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/k0smotron/k0smotron/shared/testenv"
)

func TestAdopt(t *testing.T) {
	cluster := newCluster(t)
	former := metav1.OwnerReference{
		APIVersion: "cluster.x-k8s.io/v1beta1",
		Kind:       "Cluster",
		Name:       cluster.Name,
		UID:        "from-a-backup",
		Controller: new(true),
	}
	other := metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "c", UID: "1"}
	ours := metav1.OwnerReference{
		APIVersion: clusterv1.GroupVersion.String(), Kind: "Cluster", Name: cluster.Name, UID: cluster.UID,
		Controller: new(true), BlockOwnerDeletion: new(true),
	}
	outdated := ours
	outdated.APIVersion = "cluster.x-k8s.io/v1alpha1"
	namesake := metav1.OwnerReference{
		APIVersion: "example.org/v1", Kind: "Cluster", Name: cluster.Name, UID: "2", Controller: new(true),
	}
	for name, test := range map[string]struct {
		reason       string
		before, want []metav1.OwnerReference
		writes       int
		taken        bool
	}{
		"Restored": {
			reason: "the new UID replaces the old one",
			before: []metav1.OwnerReference{former, other}, want: []metav1.OwnerReference{other, ours}, writes: 1,
		},
		"Orphan": {
			reason: "nobody controls it", before: []metav1.OwnerReference{other},
			want: []metav1.OwnerReference{other, ours}, writes: 1,
		},
		"OldVersion": {
			reason: "the version in use replaces the old one",
			before: []metav1.OwnerReference{outdated, other}, want: []metav1.OwnerReference{other, ours}, writes: 1,
		},
		"Ours": {reason: "nothing is to be done", before: []metav1.OwnerReference{ours}, want: []metav1.OwnerReference{ours}},
		"SomebodyElses": {
			reason: "a kind of the same name in another group is another kind",
			before: []metav1.OwnerReference{namesake}, want: []metav1.OwnerReference{namesake}, taken: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			applier, writes := counted()
			secret := testenv.Secret(cluster.Namespace, "", map[string]string{"k": "v"})
			secret.GenerateName, secret.OwnerReferences = "adopted-", test.before
			env.Create(t, secret)

			err := applier.Adopt(t.Context(), cluster, secret)
			var taken *controllerutil.AlreadyOwnedError
			if test.taken {
				require.ErrorAs(t, err, &taken, test.reason)
			} else {
				require.NoError(t, err, test.reason)
			}
			assert.EqualValues(t, test.writes, writes.Load())
			live := secret.DeepCopy()
			env.Get(t, live)
			assert.Equal(t, test.want, live.OwnerReferences, test.reason)
			assert.Equal(t, live.ResourceVersion, secret.ResourceVersion)
			assert.Equal(t, "v", string(live.Data["k"]))
		})
	}
}

// TestAddOwner: an owner comes beside the others, and once.
func TestAddOwner(t *testing.T) {
	cluster := newCluster(t)
	ours := metav1.OwnerReference{
		APIVersion: clusterv1.GroupVersion.String(), Kind: "Cluster", Name: cluster.Name, UID: cluster.UID,
	}
	another := metav1.OwnerReference{APIVersion: ours.APIVersion, Kind: "Cluster", Name: "another", UID: "2"}
	old, former := ours, ours
	old.APIVersion, former.UID = "cluster.x-k8s.io/v1alpha1", "from-a-backup"
	for name, test := range map[string]struct {
		before, want []metav1.OwnerReference
		writes       int
	}{
		"None":       {want: []metav1.OwnerReference{ours}, writes: 1},
		"Another":    {before: []metav1.OwnerReference{another}, want: []metav1.OwnerReference{another, ours}, writes: 1},
		"OldVersion": {before: []metav1.OwnerReference{old, another}, want: []metav1.OwnerReference{ours, another}, writes: 1},
		"Restored":   {before: []metav1.OwnerReference{former}, want: []metav1.OwnerReference{ours}, writes: 1},
		"Ours":       {before: []metav1.OwnerReference{another, ours}, want: []metav1.OwnerReference{another, ours}},
	} {
		t.Run(name, func(t *testing.T) {
			applier, writes := counted()
			secret := testenv.Secret(cluster.Namespace, "", nil)
			secret.GenerateName, secret.OwnerReferences = "owned-", test.before
			env.Create(t, secret)
			for range 2 {
				require.NoError(t, applier.AddOwner(t.Context(), cluster, secret))
			}
			assert.EqualValues(t, test.writes, writes.Load())
			live := secret.DeepCopy()
			env.Get(t, live)
			assert.Equal(t, test.want, live.OwnerReferences)
			assert.Equal(t, live.ResourceVersion, secret.ResourceVersion)
		})
	}
}

// TestAdoptIsBoundToWhatWasRead: whoever changed the object meanwhile may have adopted it.
func TestAdoptIsBoundToWhatWasRead(t *testing.T) {
	applier, _ := counted()
	cluster := newCluster(t)
	secret := testenv.Secret(cluster.Namespace, "stale", nil)
	env.Create(t, secret)
	newer := secret.DeepCopy()
	newer.Labels["changed"] = ""
	require.NoError(t, env.Client.Update(t.Context(), newer))
	assert.True(t, apierrors.IsConflict(applier.Adopt(t.Context(), cluster, secret)))
	assert.Empty(t, secret.OwnerReferences)
}

func TestAdoptNeedsAKnownOwner(t *testing.T) {
	applier, _ := counted()
	type unknown struct{ corev1.Secret }
	require.ErrorContains(t, applier.Adopt(t.Context(), &unknown{}, testenv.Secret("ns", "s", nil)), "adopting Secret s")
}
