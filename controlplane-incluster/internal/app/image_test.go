// SPDX-License-Identifier: Apache-2.0

package app

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func managerPod(containers ...corev1.Container) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "provider", Name: "manager-0"}, Spec: corev1.PodSpec{Containers: containers},
	}
}

// TestImage: the manager's image is what its own pod says, because mirrors and clusterctl rewrite images.
func TestImage(t *testing.T) {
	sidecar := corev1.Container{Name: "sidecar", Image: "example.org/sidecar:v1"}
	manager := corev1.Container{Name: "manager", Image: "mirror.example.org/manager:v0.1.0"}
	cases := map[string]struct {
		options         Options
		name, namespace string
		pod             *corev1.Pod
		want, problem   string
	}{
		"OwnPod": {
			name: "manager-0", namespace: "provider", pod: managerPod(sidecar, manager), want: manager.Image,
		},
		"Flag": {options: Options{Image: "example.org/other:v1"}, pod: managerPod(), want: "example.org/other:v1"},
		"NotAPod": {
			pod: managerPod(manager), problem: "--place-image",
		},
		"PodIsGone": {name: "manager-1", namespace: "provider", pod: managerPod(manager), problem: "manager-1"},
		"NoContainerOfThatName": {
			name: "manager-0", namespace: "provider", pod: managerPod(sidecar), problem: "has no container manager",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Setenv("POD_NAME", tc.name)
			t.Setenv("POD_NAMESPACE", tc.namespace)
			image, err := tc.options.image(t.Context(), fake.NewClientBuilder().WithObjects(tc.pod).Build())
			if tc.problem != "" {
				require.ErrorContains(t, err, tc.problem)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.want, image)
		})
	}
}

// TestEnv: the order does not depend on chance, or every start of the manager would render something else.
func TestEnv(t *testing.T) {
	t.Parallel()
	options := Options{PodEnv: map[string]string{"B": "2", "A": "1", "C": "3"}}
	want := []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}, {Name: "C", Value: "3"}}
	for range 20 {
		assert.Equal(t, want, options.env())
	}
	assert.Empty(t, (&Options{}).env())
}

// TestCachedPods: the cache holds pods of control planes and no others.
func TestCachedPods(t *testing.T) {
	t.Parallel()
	provider, err := Provider()
	require.NoError(t, err)
	require.Len(t, provider.Cache, 1)
	for kind, restriction := range provider.Cache {
		assert.IsType(t, &corev1.Pod{}, kind)
		assert.True(t, restriction.Label.Matches(labels.Set{"k0smotron.io/role": "controlplane"}))
		assert.False(t, restriction.Label.Matches(labels.Set{"app": "something"}))
	}
}
