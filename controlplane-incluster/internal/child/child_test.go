// SPDX-License-Identifier: Apache-2.0

package child_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/shared/contract"
)

func rendering(t *testing.T, inputs, output any) child.Rendering {
	t.Helper()
	r, err := child.NewRendering(inputs, output)
	require.NoError(t, err)
	return r
}

func set(image string) *appsv1.StatefulSet {
	s := &appsv1.StatefulSet{}
	s.Spec.Replicas = new(int32(1))
	s.Spec.Template.Spec.Containers = []corev1.Container{{Image: image}}
	return s
}

func image(s *appsv1.StatefulSet) string { return s.Spec.Template.Spec.Containers[0].Image }

func TestSettleStatefulSet(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		before, after [2]string // inputs, output
		wantImage     string
		waits         bool
	}{
		"Same":           {before: [2]string{"a", "x"}, after: [2]string{"a", "x"}, wantImage: "new"},
		"InputsChanged":  {before: [2]string{"a", "x"}, after: [2]string{"b", "y"}, wantImage: "new"},
		"SameByAccident": {before: [2]string{"a", "x"}, after: [2]string{"b", "x"}, wantImage: "new"},
		"RendererOnly":   {before: [2]string{"a", "x"}, after: [2]string{"a", "y"}, wantImage: "old", waits: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			live, waits := child.SettleStatefulSet(set("old"), nil, rendering(t, tc.before[0], tc.before[1]))
			require.False(t, waits, "the first one never waits")
			live.Spec.Replicas = new(int32(0))

			settled, waits := child.SettleStatefulSet(set("new"), live, rendering(t, tc.after[0], tc.after[1]))
			assert.Equal(t, tc.waits, waits)
			assert.Equal(t, tc.wantImage, image(settled))
			assert.Equal(t, int32(1), *settled.Spec.Replicas, "the number of pods is never left as it is")
			if tc.waits {
				assert.Empty(t, cmp.Diff(live.Annotations, settled.Annotations), "what it was rendered from stays recorded")
			}
		})
	}
}

func TestIsKept(t *testing.T) {
	t.Parallel()
	owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "lion", UID: "1"}}
	kept := func() *appsv1.StatefulSet {
		s := set("old")
		s.Labels = map[string]string{"ours": "1", "others": "2"}
		s.OwnerReferences = []metav1.OwnerReference{
			*metav1.NewControllerRef(owner, corev1.SchemeGroupVersion.WithKind("ConfigMap")),
		}
		return s
	}
	settled := set("new")
	settled.Labels = map[string]string{"ours": "1"}
	assert.True(t, child.IsKept(kept(), settled, owner))
	for name, change := range map[string]func(*appsv1.StatefulSet){
		"Scaled":    func(s *appsv1.StatefulSet) { s.Spec.Replicas = new(int32(0)) },
		"Relabeled": func(s *appsv1.StatefulSet) { delete(s.Labels, "ours") },
		"Orphaned":  func(s *appsv1.StatefulSet) { s.OwnerReferences = nil },
		"Restored":  func(s *appsv1.StatefulSet) { s.OwnerReferences[0].UID = "0" },
	} {
		live := kept()
		change(live)
		assert.False(t, child.IsKept(live, settled, owner), name)
	}
}

func TestSettleSecret(t *testing.T) {
	t.Parallel()
	secret := func(text string) *corev1.Secret {
		return &corev1.Secret{Data: map[string][]byte{"k0s.yaml": []byte(text)}}
	}
	live, waits := child.SettleSecret(secret("old"), nil, rendering(t, "a", "x"))
	require.False(t, waits)
	settled, waits := child.SettleSecret(secret("new"), live, rendering(t, "a", "y"))
	assert.True(t, waits)
	assert.Equal(t, "old", string(settled.Data["k0s.yaml"]))
	settled, waits = child.SettleSecret(secret("new"), live, rendering(t, "b", "y"))
	assert.False(t, waits)
	assert.Equal(t, "new", string(settled.Data["k0s.yaml"]))
}

// TestForeign: an object that records nothing was not rendered by us, and is set right.
func TestForeign(t *testing.T) {
	t.Parallel()
	settled, waits := child.SettleStatefulSet(set("new"), set("old"), rendering(t, "a", "x"))
	assert.False(t, waits)
	assert.Equal(t, "new", image(settled))
}

func TestRenderingOfWhatCannotBeHashed(t *testing.T) {
	t.Parallel()
	_, err := child.NewRendering(func() {}, nil)
	require.ErrorContains(t, err, "inputs")
	_, err = child.NewRendering(nil, func() {})
	require.ErrorContains(t, err, "output")
}

// TestInputsStay: the hash that is recorded on what runs must be what the next release computes, or every control plane
// would be restarted. Never change what is wanted here.
func TestInputsStay(t *testing.T) {
	t.Parallel()
	inputs := map[string]any{"version": "v1.36.3+k0s.2", "flags": []string{"--debug"}}
	assert.Equal(t, "1-4acfd4e6b40fa899c4d90515c490708e0d773cd4878ad121bc2cd0d43d46f052", rendering(t, inputs, nil).Inputs)
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	key := child.Key("key")
	same := key.Fingerprint([]byte("a"), []byte("b"))
	assert.Equal(t, same, key.Fingerprint([]byte("a"), []byte("b")))
	for name, other := range map[string]string{
		"Order":    key.Fingerprint([]byte("b"), []byte("a")),
		"Joined":   key.Fingerprint([]byte("ab")),
		"Split":    key.Fingerprint([]byte("ab"), nil),
		"OtherKey": child.Key("other").Fingerprint([]byte("a"), []byte("b")),
		"More":     key.Fingerprint([]byte("a"), []byte("b"), nil),
	} {
		assert.NotEqual(t, same, other, name)
	}
	assert.NotContains(t, same, "key")
}

func TestMeta(t *testing.T) {
	t.Parallel()
	identity := child.Identity{Namespace: "zoo", Cluster: "tiger"}
	meta := identity.Meta(child.RoleEtcd, identity.Name(child.RoleEtcd, 52))
	want := metav1.ObjectMeta{
		Namespace: "zoo", Name: "tiger-etcd",
		Labels: map[string]string{"cluster.x-k8s.io/cluster-name": "tiger", contract.RoleLabel: "etcd"},
	}
	assert.Empty(t, cmp.Diff(want, meta))
	child.Annotate(&meta, nil)
	assert.Nil(t, meta.Annotations)
	child.Annotate(&meta, map[string]string{"a": "b"})
	child.Annotate(&meta, map[string]string{"c": "d"})
	assert.Equal(t, map[string]string{"a": "b", "c": "d"}, meta.Annotations)
	assert.NotEqual(t, identity.Selector(child.RoleEtcd), identity.Selector(child.RoleControlPlane))
}

// TestNames: names of Services and StatefulSets are cut where their kind demands it, names of Secrets never.
func TestNames(t *testing.T) {
	t.Parallel()
	long := child.Identity{Namespace: "zoo", Cluster: "a-name-that-has-exactly-sixty-three-characters-which-is-a-limit"}
	for _, limit := range []int{52, 63} {
		name := long.Name(child.RoleControlPlane, limit)
		assert.LessOrEqual(t, len(name), limit)
		assert.NotEqual(t, name, long.Name(child.RoleEtcd, limit))
	}
	assert.Equal(t, long.Cluster+"-k0s-config", long.SecretName(child.RoleConfig))
}

// TestEveryClusterNameIsGood: whatever a Cluster may be called, its Services and pods can be, and no two share a name.
func TestEveryClusterNameIsGood(t *testing.T) {
	t.Parallel()
	owners := map[string]string{}
	for _, cluster := range []string{
		"tiger", "a", "0", "0tiger", "k0s-0tiger", "2-tigers", "tiger.zoo", "tiger-zoo", "k0s-tiger-zoo", "1.tiger.zoo.example.org",
		"1-tiger.zoo.example.org", "0-name-that-has-exactly-sixty-three-characters-which-is-a-limit",
		"a.name.that.has.exactly.sixty.three.characters.which.is.a.limit",
	} {
		identity := child.Identity{Namespace: "zoo", Cluster: cluster}
		for _, role := range []child.Role{child.RoleAPI, child.RoleControlPlane, child.RoleEtcd} {
			for _, limit := range []int{contract.NameLimit, contract.StatefulSetNameLimit} {
				name := identity.Name(role, limit)
				assert.Empty(t, validation.IsDNS1035Label(name), "%s of %s", role, cluster)
				assert.LessOrEqual(t, len(name), limit)
				if owner, taken := owners[name]; taken {
					assert.Equal(t, cluster, owner, name)
				}
				owners[name] = cluster
			}
		}
	}
	assert.Equal(t, "tiger-api", child.Identity{Cluster: "tiger"}.Name(child.RoleAPI, 63), "most names stay as they are")
}
