// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
)

func waits(reason string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
}

func ended(code int32) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code}}
}

func runs() corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
}

// starting is a control plane whose pod exists, and that has told so.
func starting(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.reconcile()
	w.giveAddress()
	w.reconcile()
	w.runPods(w.podSetName(), 0)
	w.reconcile()
	return w
}

// podIs lets the kubelet report on the containers, and the controller see it. It tells whether that was written down.
func (w *world) podIs(place, k0s corev1.ContainerStatus) (written bool) {
	w.t.Helper()
	pod := get(w, w.podSetName()+"-0", &corev1.Pod{})
	place.Name, k0s.Name = "place", "k0s"
	pod.Status.InitContainerStatuses = []corev1.ContainerStatus{place}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{k0s}
	require.NoError(w.t, env.Client.Status().Update(w.t.Context(), pod))
	before := w.controlPlane.ResourceVersion
	w.reconcile()
	return w.controlPlane.ResourceVersion != before
}

// TestAStartIsQuiet: the stations of every start are not followed, also not the one at which the pod is ready but its
// StatefulSet has not counted it yet.
func TestAStartIsQuiet(t *testing.T) {
	t.Parallel()
	w := starting(t)
	for _, station := range []struct{ place, k0s corev1.ContainerState }{
		{waits(""), waits("")},
		{waits("PodInitializing"), waits("PodInitializing")},
		{waits("ContainerCreating"), waits("PodInitializing")},
		{runs(), waits("PodInitializing")},
		{ended(0), waits("PodInitializing")},
		{ended(0), waits("ContainerCreating")},
		{ended(0), runs()},
	} {
		written := w.podIs(corev1.ContainerStatus{State: station.place}, corev1.ContainerStatus{State: station.k0s})
		assert.False(t, written, "%v %v", station.place, station.k0s)
	}
	pod := get(w, w.podSetName()+"-0", &corev1.Pod{})
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	require.NoError(t, env.Client.Status().Update(t.Context(), pod))
	before := w.controlPlane.ResourceVersion
	w.reconcile()
	assert.Equal(t, before, w.controlPlane.ResourceVersion)

	w.runPods(w.podSetName(), 1)
	w.reconcile()
	assert.Equal(t, int32(1), *w.controlPlane.Status.ReadyReplicas)
	assert.Equal(t, "v1.36.3+k0s.2", w.controlPlane.Status.Version, "in the same write")
}

// TestAFailureIsToldOnce: a container that fails goes round and round; what is said about it stays.
func TestAFailureIsToldOnce(t *testing.T) {
	t.Parallel()
	done := corev1.ContainerStatus{State: ended(0)}
	cases := map[string]struct {
		first corev1.ContainerStatus
		round []corev1.ContainerStatus
		want  string
	}{
		"Crash": {
			first: corev1.ContainerStatus{State: ended(2)},
			round: []corev1.ContainerStatus{
				{State: waits("CrashLoopBackOff"), LastTerminationState: ended(2)},
				{State: runs(), LastTerminationState: ended(2)},
				{State: ended(2), LastTerminationState: ended(2)},
			},
			want: "container k0s ended with exit code 2",
		},
		"Pull": {
			first: corev1.ContainerStatus{State: waits("ErrImagePull")},
			round: []corev1.ContainerStatus{{State: waits("ImagePullBackOff")}, {State: waits("ErrImagePull")}},
			want:  "container k0s is waiting: ImagePullBackOff",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := starting(t)
			assert.True(t, w.podIs(done, tc.first), "it is told")
			told := w.is(controlplanev1.ControlPlaneComponentsHealthyCondition, metav1.ConditionFalse)
			assert.Contains(t, told.Message, tc.want)
			for _, status := range tc.round {
				assert.False(t, w.podIs(done, status), "%v", status.State)
			}
		})
	}
}
