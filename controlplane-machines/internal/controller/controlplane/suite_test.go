// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/contact"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controller/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/testenv/double"
	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/testenv"
	"github.com/k0smotron/k0smotron/shared/workload"
)

const (
	fieldOwner = "k0smotron-controlplane-machines"
	// release is a k0s that tells everything about its controllers.
	release = "v1.36.3+k0s.2"
	// template is the name of the template of the machines.
	template = "medium"
	// lookEvery is the time between two passes: k0s has renewed its leases meanwhile.
	lookEvery = 10 * time.Second
)

var env *testenv.Environment

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, testenv.Options{
		CRDPaths:    []string{"../../../config/crd/bases", "../../../../bootstrap/config/crd/bases"},
		AddToScheme: []func(*runtime.Scheme) error{controlplanev1.AddToScheme, bootstrapv1.AddToScheme},
	}, func(e *testenv.Environment) { env = e }))
}

// world is one control plane and what is around it. Nothing runs in it by itself: a test reconciles, and lets everybody
// else take a turn.
type world struct {
	t            *testing.T
	namespace    string
	cluster      *clusterv1.Cluster
	controlPlane *controlplanev1.K0sControlPlane
	clock        *clocktesting.FakeClock
	double       *double.Double
	workload     client.WithWatch
	reconciler   *controlplane.Reconciler
}

func newWorld(t *testing.T, overrides ...func(*controlplanev1.K0sControlPlane)) *world {
	t.Helper()
	w := &world{
		t: t, namespace: env.Namespace(t), clock: clocktesting.NewFakeClock(time.Now()), workload: double.InMemory(),
	}
	w.cluster = testenv.Cluster(w.namespace, provisioned)
	env.Create(t, w.cluster, testenv.InfraMachineTemplate(w.namespace, template, map[string]any{"size": "m"}))
	w.controlPlane = newControlPlane(w.namespace, overrides...)
	testenv.OwnedBy(w.controlPlane, w.cluster, clusterv1.GroupVersion.WithKind("Cluster"))
	env.Create(t, w.controlPlane)
	w.double = double.New(double.Options{
		Management: env.Client, Workload: w.workload, Cluster: client.ObjectKeyFromObject(w.cluster), Clock: w.clock,
	})
	w.reconciler = w.newReconciler(env.Client)
	return w
}

// provisioned is a Cluster whose infrastructure is ready, and that refers to the control plane.
func provisioned(cluster *clusterv1.Cluster) {
	cluster.Spec.ControlPlaneEndpoint = clusterv1.APIEndpoint{Host: "10.0.0.1", Port: 6443}
	cluster.Spec.ControlPlaneRef = clusterv1.ContractVersionedObjectReference{
		APIGroup: controlplanev1.GroupVersion.Group, Kind: "K0sControlPlane", Name: cluster.Name,
	}
	cluster.Status.Initialization.InfrastructureProvisioned = new(true)
}

func newControlPlane(
	namespace string, overrides ...func(*controlplanev1.K0sControlPlane),
) *controlplanev1.K0sControlPlane {
	controlPlane := &controlplanev1.K0sControlPlane{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: testenv.ClusterName,
			Labels: map[string]string{clusterv1.ClusterNameLabel: testenv.ClusterName},
		},
		Spec: controlplanev1.K0sControlPlaneSpec{Version: release},
	}
	controlPlane.Spec.MachineTemplate.Spec.InfrastructureRef = clusterv1.ContractVersionedObjectReference{
		APIGroup: testenv.InfraGroupVersion.Group, Kind: testenv.InfraMachineTemplateKind, Name: template,
	}
	for _, override := range overrides {
		override(controlPlane)
	}
	return controlPlane
}

func replicas(count int32) func(*controlplanev1.K0sControlPlane) {
	return func(c *controlplanev1.K0sControlPlane) { c.Spec.Replicas = new(count) }
}

func deleteFirst(c *controlplanev1.K0sControlPlane) {
	c.Spec.UpdateStrategy = controlplanev1.UpdateStrategyRecreateDeleteFirst
}

// newReconciler is a manager that remembers nothing of an earlier one.
func (w *world) newReconciler(c client.WithWatch) *controlplane.Reconciler {
	return newReconciler(likeCache(c), c, w.clock, playedWorkloads{w})
}

func newReconciler(
	c client.Client, live client.Reader, clock *clocktesting.FakeClock, workloads controlplane.Workloads,
) *controlplane.Reconciler {
	applier := apply.New(c, fieldOwner)
	return &controlplane.Reconciler{
		Client:   c,
		Live:     live,
		Applier:  applier,
		Metadata: apply.New(c, fieldOwner+"-metadata"),
		Tokens: jointoken.Store{
			Reader: c, Live: live, Management: applier, FieldOwner: fieldOwner, Clock: clock, Random: rand.Reader,
		},
		Workloads:  workloads,
		Watcher:    noEvents{},
		FieldOwner: fieldOwner,
		Issuer:     pki.Issuer{Clock: clock, Random: rand.Reader},
		Clock:      clock,
		Random:     rand.Reader,
	}
}

// likeCache sees what the manager's cache holds: Secrets only with the name of their Cluster.
func likeCache(c client.WithWatch) client.WithWatch {
	return interceptor.NewClient(c, interceptor.Funcs{Get: func(
		ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption,
	) error {
		if err := c.Get(ctx, key, object, options...); err != nil {
			return err
		}
		_, labelled := object.GetLabels()[clusterv1.ClusterNameLabel]
		if _, isSecret := object.(*corev1.Secret); isSecret && !labelled {
			return apierrors.NewNotFound(corev1.Resource("secrets"), key.Name)
		}
		return nil
	}})
}

// noEvents is for tests that call Reconcile themselves.
type noEvents struct{}

func (noEvents) WatchConfigs() error { return nil }

func (noEvents) WatchInfrastructure(context.Context, *unstructured.Unstructured) error { return nil }

func (noEvents) WatchWorkload(context.Context, client.ObjectKey, *unstructured.Unstructured) error {
	return nil
}

// playedWorkloads is the way into the workload cluster that is played.
type playedWorkloads struct{ *world }

func (p playedWorkloads) Ready(context.Context, contact.Access) workload.Evidence {
	if !p.double.Answers() {
		return workload.Evidence{Message: "the API server cannot be reached: connection refused"}
	}
	return workload.Evidence{StatusCode: http.StatusOK}
}

func (p playedWorkloads) Reach(ctx context.Context, access contact.Access, look contact.Look) error {
	return reach(ctx, p.double, access, look)
}

// reach is the way into a workload cluster in memory, while it answers.
func reach(ctx context.Context, played *double.Double, access contact.Access, look contact.Look) error {
	connected, err := double.NewClusters(played).Client(ctx, access.Cluster)
	if err != nil {
		return err
	}
	live := connected
	if watching, ok := connected.(client.WithWatch); ok {
		live = interceptor.NewClient(watching, interceptor.Funcs{List: withoutFields})
	}
	return look(ctx, contact.Connection{Objects: live, Live: live, Cached: true})
}

// withoutFields lists events without the selector of fields, which needs an index where there is no API server.
func withoutFields(
	ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption,
) error {
	if _, events := list.(*corev1.EventList); events {
		return c.List(ctx, list, client.InNamespace(metav1.NamespaceSystem))
	}
	return c.List(ctx, list, options...)
}

func (playedWorkloads) Forget(client.ObjectKey) {}

// reconcile runs one pass that must not fail, and reads the control plane again.
func (w *world) reconcile() ctrl.Result {
	w.t.Helper()
	result, err := w.tryReconcile()
	require.NoError(w.t, err)
	return result
}

// tryReconcile also runs the pass that the finalizer starts once it is set.
func (w *world) tryReconcile() (ctrl.Result, error) {
	w.t.Helper()
	finalizers := len(w.controlPlane.Finalizers)
	key := client.ObjectKeyFromObject(w.controlPlane)
	result, err := w.reconciler.Reconcile(w.t.Context(), ctrl.Request{NamespacedName: key})
	read := &controlplanev1.K0sControlPlane{}
	if getErr := env.Client.Get(w.t.Context(), key, read); !apierrors.IsNotFound(getErr) {
		require.NoError(w.t, getErr)
		w.controlPlane = read
	}
	if err == nil && len(w.controlPlane.Finalizers) > finalizers {
		return w.tryReconcile()
	}
	return result, err
}

// step is one pass, one turn of everybody else, and the time between two looks.
func (w *world) step() {
	w.t.Helper()
	w.reconcile()
	w.between()
}

// between is what happens between two passes.
func (w *world) between() {
	w.t.Helper()
	w.mirror()
	require.NoError(w.t, w.double.Turn(w.t.Context()))
	require.Empty(w.t, w.double.Alarms())
	w.clock.Step(lookEvery)
}

// mirror is core: it copies from the control plane to the Cluster that it is initialised.
func (w *world) mirror() {
	w.t.Helper()
	w.tellInfrastructure()
	env.Get(w.t, w.cluster)
	done := w.cluster.Status.Initialization.ControlPlaneInitialized
	if !w.controlPlane.Initialized() || (done != nil && *done) {
		return
	}
	w.cluster.Status.Initialization.ControlPlaneInitialized = new(true)
	w.told(w.cluster)
}

// told writes a status, unless somebody else has written meanwhile, as in a test with a manager: then the next turn does.
func (w *world) told(object client.Object) {
	w.t.Helper()
	if err := env.Client.Status().Update(w.t.Context(), object); !apierrors.IsConflict(err) {
		require.NoError(w.t, err)
	}
}

// tellInfrastructure is core: it tells since when the infrastructure of a Machine is ready.
func (w *world) tellInfrastructure() {
	w.t.Helper()
	for _, machine := range w.machines() {
		ready := machine.Status.Initialization.InfrastructureProvisioned
		if ready == nil || !*ready || conditions.Get(&machine, clusterv1.InfrastructureReadyCondition) != nil {
			continue
		}
		condition := metav1.Condition{
			Type: clusterv1.InfrastructureReadyCondition, Status: metav1.ConditionTrue, Reason: clusterv1.ReadyReason,
			LastTransitionTime: metav1.NewTime(w.clock.Now()),
		}
		machine.Status.Conditions = append(machine.Status.Conditions, condition)
		w.told(&machine)
	}
}

// until takes steps until something is so.
func (w *world) until(what string, so func() bool) {
	w.t.Helper()
	for range 120 {
		if so() {
			return
		}
		w.step()
	}
	require.Failf(w.t, "it does not come to that", "%s; conditions: %s; machines: %v", what, w.conditions(), w.names())
}

// settled takes steps until nothing is written any more, and all is as asked for.
func (w *world) settled() *world {
	w.t.Helper()
	before := map[string]string{}
	w.until("rest", func() bool {
		now := w.versions()
		rest := equalMaps(before, now)
		before = now
		return rest && len(w.names()) == int(w.controlPlane.WishedReplicas()) && w.controlPlane.Initialized()
	})
	return w
}
