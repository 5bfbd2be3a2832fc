// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/kubeconfig"
	"github.com/k0smotron/k0smotron/shared/workload"
)

// TestComesUp follows a control plane from its creation to Available, and says at each step what exists and what is told.
func TestComesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)

	// Nothing is known about the address yet: k0s is not started, etcd is.
	w.reconcile()
	assert.Contains(t, w.controlPlane.Finalizers, controlplanev1.ControlPlaneFinalizer)
	w.is(controlplanev1.CertificatesAvailableCondition, metav1.ConditionTrue)
	awaited := w.is(controlplanev1.EndpointReadyCondition, metav1.ConditionFalse)
	assert.Contains(t, awaited.Message, "LoadBalancer")
	assert.NotNil(t, w.etcdSet())
	assert.Equal(t, int32(0), *w.controlPlane.Status.ReadyReplicas, "zero is told, not left out")
	assert.True(t, *w.controlPlane.Status.ExternalManagedControlPlane)

	// With the address everything else is there in one pass.
	w.giveAddress()
	w.reconcile()
	w.is(controlplanev1.EndpointReadyCondition, metav1.ConditionTrue)
	w.is(controlplanev1.InitializedCondition, metav1.ConditionFalse)
	assert.NotNil(t, w.podSet())
	assert.NotNil(t, get(w, w.podSetName(), &policyv1.PodDisruptionBudget{}))
	assert.True(t, w.controlPlane.Spec.ControlPlaneEndpoint.IsZero(), "nothing is published before it is final")
	assert.Zero(t, w.hosted.probes, "nobody is asked while no pod is ready")

	// The pod is ready, but nothing answers at the address.
	w.runPods(w.etcdSetName(), 1)
	w.runPods(w.podSetName(), 1)
	w.hosted.ready = workload.Evidence{Message: "the API server cannot be reached: no route to host"}
	result := w.reconcile()
	assert.Equal(t, 500*time.Millisecond, result.RequeueAfter, "the question is repeated soon")
	told := w.is(controlplanev1.InitializedCondition, metav1.ConditionFalse)
	assert.Contains(t, told.Message, "https://10.211.0.200:6443: the API server cannot be reached: no route to host")
	assert.True(t, w.controlPlane.Spec.ControlPlaneEndpoint.IsZero())

	// It answers, and that is told before anything else is asked of it.
	w.hosted.up()
	assert.Zero(t, w.reconcile())
	assert.True(t, w.controlPlane.Initialized())
	assert.Equal(t, clusterv1.APIEndpoint{Host: "10.211.0.200", Port: 6443}, w.controlPlane.Spec.ControlPlaneEndpoint)
	w.is(controlplanev1.AvailableCondition, metav1.ConditionTrue)
	assert.Empty(t, w.hosted.applied)

	w.reconcile()
	assert.Len(t, w.hosted.applied, 1)
	w.is(controlplanev1.ConfigurationAppliedCondition, metav1.ConditionUnknown)

	w.reconcile()
	w.is(controlplanev1.ConfigurationAppliedCondition, metav1.ConditionTrue)
	assert.Equal(t, "v1.36.3+k0s.2", w.controlPlane.Status.Version)
	assert.Equal(t, []clusterv1.StatusVersion{{Version: "v1.36.3+k0s.2", Replicas: 1}}, w.controlPlane.Status.Versions)
	assert.Equal(t, int32(1), *w.controlPlane.Status.UpToDateReplicas)
	assert.Equal(t, w.controlPlane.Generation, w.controlPlane.Status.ObservedGeneration)
	assert.False(t, w.controlPlane.Status.CertificatesExpiryDate.IsZero())
}

// TestAccess checks what machines and clients are given: both Secrets before the control plane says it is initialised.
func TestAccess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reconcile()
	w.giveAddress()
	w.reconcile()
	require.False(t, w.controlPlane.Initialized())

	content, err := kubeconfig.Parse(w.secret("kubeconfig").Data["value"])
	require.NoError(t, err)
	assert.Equal(t, "https://10.211.0.200:6443", content.Server)
	ca := w.secret("ca").Data["tls.crt"]
	assert.Equal(t, string(ca), string(content.CA))

	join, err := contract.ParseJoinInfo(w.secret("k0s-join"))
	require.NoError(t, err)
	assert.Equal(t, "https://10.211.0.200:6443", join.WorkerURL)
	assert.Equal(t, string(ca), string(join.CA))
	assert.Empty(t, join.ControllerURL, "no controller joins a hosted control plane")
	owner := metav1.GetControllerOf(w.secret("k0s-join"))
	require.NotNil(t, owner)
	assert.Equal(t, w.controlPlane.UID, owner.UID)
}

// TestSecondPassWritesNothing is what being at rest means.
func TestSecondPassWritesNothing(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*controlplanev1.K0smotronControlPlane){
		"Etcd": func(*controlplanev1.K0smotronControlPlane) {},
		"EveryField": func(c *controlplanev1.K0smotronControlPlane) {
			c.Spec.Replicas = new(int32(1))
			c.Spec.Service.Annotations = map[string]string{"example.org/a": "b"}
			c.Spec.Resources.Requests = corev1.ResourceList{"cpu": quantity("1000m"), "memory": quantity("1024Mi")}
			c.Spec.Storage.Etcd.Persistence.Size = quantity("2048Mi")
			c.Spec.ControlPlaneFlags = []string{"--disable-components=coredns", "--debug"}
			c.Spec.K0sConfig.Raw = []byte(`{"spec":{"telemetry":{"enabled":false}}}`)
			c.Spec.Persistence = controlplanev1.PersistenceSpec{Type: "hostPath", HostPath: "/srv"}
		},
	}
	for name, override := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, override).available()
			before := w.versions()
			w.hosted.probes, w.hosted.opinions = 0, 0
			for range 3 {
				assert.Zero(t, w.reconcile())
			}
			assert.Equal(t, before, w.versions())
			assert.Zero(t, w.hosted.probes+w.hosted.opinions, "and asks the hosted cluster nothing")
		})
	}
}

// TestAvailableGoesBack: evidence of failure counts at once, and nothing is final.
func TestAvailableGoesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t).available()

	w.runPods(w.podSetName(), 0)
	w.reconcile()
	down := w.is(controlplanev1.AvailableCondition, metav1.ConditionFalse)
	assert.Contains(t, down.Message, "waiting for a control plane pod to become ready")
	w.is(controlplanev1.ControlPlaneComponentsHealthyCondition, metav1.ConditionFalse)
	assert.True(t, w.controlPlane.Initialized(), "that it was up once stays true")
	assert.Equal(t, "v1.36.3+k0s.2", w.controlPlane.Status.Version)

	w.runPods(w.podSetName(), 1)
	w.runPods(w.etcdSetName(), 0)
	w.reconcile()
	down = w.is(controlplanev1.AvailableCondition, metav1.ConditionFalse)
	assert.Contains(t, down.Message, w.etcdSetName())

	w.runPods(w.etcdSetName(), 1)
	w.reconcile()
	w.is(controlplanev1.AvailableCondition, metav1.ConditionTrue)
}

// TestWhyAPodDoesNotStart: the condition says what the management cluster says.
func TestWhyAPodDoesNotStart(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		status corev1.PodStatus
		want   string
	}{
		"Unschedulable": {
			status: corev1.PodStatus{Conditions: []corev1.PodCondition{{
				Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/3 nodes are available",
			}}},
			want: "cannot be scheduled: 0/3 nodes are available",
		},
		"ImagePull": {
			status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
				Name: "k0s", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
					Reason: "ImagePullBackOff", Message: "Back-off 10s",
				}},
			}}},
			want: "container k0s is waiting: ImagePullBackOff",
		},
		"PlaceFailed": {
			status: corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{{
				Name: "place", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}},
			}}},
			want: "container place ended with exit code 1",
		},
		"Starting": {
			status: corev1.PodStatus{
				InitContainerStatuses: []corev1.ContainerStatus{{
					Name: "place", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}},
				}},
				ContainerStatuses: []corev1.ContainerStatus{{
					Name: "k0s", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "PodInitializing"}},
				}},
			},
			want: "to become ready",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.reconcile()
			w.giveAddress()
			w.reconcile()
			w.runPods(w.podSetName(), 0)
			pod := get(w, w.podSetName()+"-0", &corev1.Pod{})
			pod.Status = tc.status
			require.NoError(t, env.Client.Status().Update(t.Context(), pod))

			w.reconcile()
			condition := w.is(controlplanev1.ControlPlaneComponentsHealthyCondition, metav1.ConditionFalse)
			assert.True(t, strings.HasSuffix(condition.Message, tc.want), condition.Message)
		})
	}
}

// TestLongName: a name of 63 characters, the most a Cluster can have.
func TestLongName(t *testing.T) {
	t.Parallel()
	const name = "a-name-that-has-exactly-sixty-three-characters-which-is-a-limit"
	require.Len(t, name, 63)
	w := newWorldNamed(t, name).available()
	assert.LessOrEqual(t, len(w.podSet().Name), 52)
	assert.LessOrEqual(t, len(desired.NamesOf(w.identity()).Service()), 63)
	assert.NotNil(t, w.secret("kubeconfig"), "names of the contract are never cut")
}

// TestOddNames: a Cluster may be called what a Service may not.
func TestOddNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"0tiger", "tiger.zoo.example.org"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldNamed(t, name).available()
			assert.Equal(t, name, w.podSet().Spec.Template.Labels[clusterv1.ClusterNameLabel], "labels take any name")
			assert.NotNil(t, get(w, name+"-ca", &corev1.Secret{}), "names of the contract are as they are")
			assert.Len(t, w.children(), 9+2+2+2)
			require.NoError(t, env.Client.Delete(t.Context(), w.controlPlane))
			w.reconcile()
			w.gone(w.controlPlane)
		})
	}
}

func TestPaused(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*world){
		"Cluster": func(w *world) {
			w.cluster.Spec.Paused = new(true)
			require.NoError(t, env.Client.Update(t.Context(), w.cluster))
		},
		"Annotation": func(w *world) {
			w.change(func(c *controlplanev1.K0smotronControlPlane) {
				c.Annotations = map[string]string{clusterv1.PausedAnnotation: ""}
			})
		},
	}
	for name, pause := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			pause(w)
			w.reconcile()
			w.is(controlplanev1.PausedCondition, metav1.ConditionTrue)
			secrets := &corev1.SecretList{}
			require.NoError(t, env.Client.List(t.Context(), secrets, inNamespace(w)))
			assert.Empty(t, secrets.Items)
			assert.Empty(t, w.controlPlane.Finalizers)
		})
	}
}
