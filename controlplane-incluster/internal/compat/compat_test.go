// SPDX-License-Identifier: Apache-2.0

// Package compat_test walks a control plane from its creation to its deletion under every supported release of Cluster
// API: what the provider reads fits, and core finds what it writes.
package compat_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/external"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/controller/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/etcd"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/hosted"
	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/clusterconfig"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/testenv"
	"github.com/k0smotron/k0smotron/shared/workload"
)

const (
	fieldOwner = "k0smotron-controlplane-incluster"
	address    = "10.211.0.200"
)

var env *testenv.Environment

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, testenv.Options{
		CRDPaths:    []string{"../../config/crd/bases"},
		AddToScheme: []func(*runtime.Scheme) error{controlplanev1.AddToScheme},
	}, func(e *testenv.Environment) { env = e }))
}

// answering is a hosted cluster that is well.
type answering struct{}

func (answering) Ready(context.Context, hosted.Access) workload.Evidence {
	return workload.Evidence{StatusCode: http.StatusOK}
}

func (answering) ApplyConfig(context.Context, hosted.Access, *unstructured.Unstructured) (bool, error) {
	return true, nil
}

func (answering) Opinion(context.Context, hosted.Access, schema.GroupVersion) (hosted.Opinion, error) {
	return hosted.Opinion{Verdict: clusterconfig.VerdictReconciled}, nil
}

func (answering) Forget(client.ObjectKey) {}

type noNodeEvents struct{}

func (noNodeEvents) WatchNodes() error { return nil }

// world is one Cluster. The test is core, the StatefulSet controller and the load balancer.
type world struct {
	*testing.T

	cluster    *clusterv1.Cluster
	reconciler *controlplane.Reconciler
}

func TestControlPlaneUnderEachRelease(t *testing.T) {
	env.EachRelease(t, func(t *testing.T) {
		t.Helper()
		w := newWorld(t)
		w.comeUp()
		w.fitsTheContract()
		w.goDown()
	})
}

func newWorld(t *testing.T) *world {
	t.Helper()
	clock := testenv.Clock()
	w := &world{T: t, cluster: testenv.Cluster(env.Namespace(t), func(cluster *clusterv1.Cluster) {
		cluster.Spec.ClusterNetwork.Pods.CIDRBlocks = []string{"10.10.0.0/16"}
		cluster.Spec.ControlPlaneRef = clusterv1.ContractVersionedObjectReference{
			APIGroup: controlplanev1.GroupVersion.Group, Kind: "K0smotronControlPlane", Name: testenv.ClusterName,
		}
	})}
	w.create(w.cluster)
	controlPlane := &controlplanev1.K0smotronControlPlane{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.cluster.Namespace, Name: w.cluster.Name,
			Labels: map[string]string{clusterv1.ClusterNameLabel: w.cluster.Name},
		},
		Spec: controlplanev1.K0smotronControlPlaneSpec{Version: "v1.36.3+k0s.2"},
	}
	controlPlane.Spec.Service.Type = controlplanev1.ServiceTypeLoadBalancer
	w.create(testenv.OwnedBy(controlPlane, w.cluster, clusterv1.GroupVersion.WithKind("Cluster")))
	w.reconciler = &controlplane.Reconciler{
		Client: env.Client, Live: env.Client, Applier: apply.New(env.Client, fieldOwner),
		Clusters: answering{}, Nodes: noNodeEvents{}, Issuer: pki.Issuer{Clock: clock, Random: rand.Reader}, Clock: clock,
		Renderer: desired.Renderer{PlacerImage: "registry.example.org/manager:v0.1.0"},
	}
	return w
}

// create is strict: a field that the release does not know is an error.
func (w *world) create(object client.Object) {
	w.Helper()
	require.NoError(w.T, client.WithFieldValidation(env.Client, metav1.FieldValidationStrict).Create(w.Context(), object))
}

func (w *world) reconcile() {
	w.Helper()
	_, err := w.reconciler.Reconcile(w.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(w.cluster)})
	require.NoError(w.T, err)
}

func (w *world) comeUp() {
	w.Helper()
	identity := child.Identity{Namespace: w.cluster.Namespace, Cluster: w.cluster.Name}
	w.reconcile()
	w.giveAddress(desired.NamesOf(identity).Service())
	w.reconcile()
	w.roll(etcd.NamesOf(identity).StatefulSet())
	w.runPod(w.roll(desired.NamesOf(identity).StatefulSet()))
	for range 5 {
		w.reconcile()
	}
}

func (w *world) giveAddress(name string) {
	w.Helper()
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: w.cluster.Namespace, Name: name}}
	env.Get(w.T, service)
	service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: address}}
	require.NoError(w.T, env.Client.Status().Update(w.Context(), service))
}

// roll is the StatefulSet controller: everything runs the newest template.
func (w *world) roll(name string) *appsv1.StatefulSet {
	w.Helper()
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: w.cluster.Namespace, Name: name}}
	env.Get(w.T, set)
	set.Status = appsv1.StatefulSetStatus{
		ObservedGeneration: set.Generation, Replicas: 1, ReadyReplicas: 1, AvailableReplicas: 1,
		UpdatedReplicas: 1, CurrentReplicas: 1, CurrentRevision: "a", UpdateRevision: "a",
	}
	require.NoError(w.T, env.Client.Status().Update(w.Context(), set))
	return set
}

func (w *world) runPod(set *appsv1.StatefulSet) {
	w.Helper()
	env.Create(w.T, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: set.Namespace, Name: set.Name + "-0", Labels: set.Spec.Template.Labels},
		Spec:       set.Spec.Template.Spec,
		Status: corev1.PodStatus{
			StartTime:  new(metav1.NewTime(testenv.Now)),
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		},
	})
}

// fitsTheContract follows the Cluster's reference as core does: by the label of our CRD, to fields that core knows by
// their paths alone. Releases before 1.14 read status.version, later ones status.versions.
func (w *world) fitsTheContract() {
	w.Helper()
	env.Get(w.T, w.cluster)
	controlPlane, err := external.GetObjectFromContractVersionedRef(
		w.Context(), env.Client, w.cluster.Spec.ControlPlaneRef, w.cluster.Namespace)
	require.NoError(w.T, err)
	for path, want := range map[string]any{
		"spec.controlPlaneEndpoint.host":                address,
		"spec.controlPlaneEndpoint.port":                int64(6443),
		"status.initialization.controlPlaneInitialized": true,
		"status.externalManagedControlPlane":            true,
		"status.version":                                "v1.36.3+k0s.2",
		"status.versions":                               []any{map[string]any{"version": "v1.36.3+k0s.2", "replicas": int64(1)}},
		"status.replicas":                               int64(1),
		"status.readyReplicas":                          int64(1),
		"status.availableReplicas":                      int64(1),
		"status.upToDateReplicas":                       int64(1),
	} {
		assert.Equal(w.T, want, at(controlPlane, path), path)
	}
	for conditionType, want := range map[string]string{
		"Available": "True", "RollingOut": "False", "ScalingUp": "False", "ScalingDown": "False",
	} {
		assert.Equal(w.T, want, condition(w.T, controlPlane, conditionType), conditionType)
	}

	// What core makes of it; the release must take it, and we must not mind.
	w.cluster.Spec.ControlPlaneEndpoint = clusterv1.APIEndpoint{Host: address, Port: 6443}
	require.NoError(w.T, env.Client.Update(w.Context(), w.cluster))
	w.cluster.Status.Initialization.ControlPlaneInitialized = new(true)
	require.NoError(w.T, env.Client.Status().Update(w.Context(), w.cluster))
	w.reconcile()
	kept, err := external.GetObjectFromContractVersionedRef(
		w.Context(), env.Client, w.cluster.Spec.ControlPlaneRef, w.cluster.Namespace)
	require.NoError(w.T, err)
	assert.Equal(w.T, controlPlane.GetResourceVersion(), kept.GetResourceVersion(), "nothing is left to write")
}

// goDown deletes the control plane, which waits for the last Machine.
func (w *world) goDown() {
	w.Helper()
	machine := testenv.Machine(w.cluster.Namespace, "worker")
	w.create(machine)
	controlPlane := &controlplanev1.K0smotronControlPlane{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.cluster.Namespace, Name: w.cluster.Name},
	}
	require.NoError(w.T, env.Client.Delete(w.Context(), controlPlane))
	w.reconcile()
	env.Get(w.T, controlPlane)
	require.NoError(w.T, env.Client.Delete(w.Context(), machine))
	for range 10 {
		w.reconcile()
		err := env.Client.Get(w.Context(), client.ObjectKeyFromObject(controlPlane), controlPlane)
		if apierrors.IsNotFound(err) {
			return
		}
		require.NoError(w.T, err)
		w.removePods()
	}
	require.Fail(w.T, "the control plane stays", "%v", controlPlane.Status.Conditions)
}

// removePods is the garbage collector.
func (w *world) removePods() {
	w.Helper()
	for _, kind := range []client.Object{&appsv1.StatefulSet{}, &corev1.Pod{}} {
		require.NoError(w.T, env.Client.DeleteAllOf(
			w.Context(), kind, client.InNamespace(w.cluster.Namespace), client.GracePeriodSeconds(0)))
	}
}

func at(object *unstructured.Unstructured, path string) any {
	value, _, err := unstructured.NestedFieldNoCopy(object.Object, strings.Split(path, ".")...)
	if err != nil {
		return err
	}
	return value
}

// condition is the status of a condition.
func condition(t *testing.T, object *unstructured.Unstructured, conditionType string) any {
	t.Helper()
	conditions, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
	require.NoError(t, err)
	for _, item := range conditions {
		if item, ok := item.(map[string]any); ok && item["type"] == conditionType {
			return item["status"]
		}
	}
	return nil
}
