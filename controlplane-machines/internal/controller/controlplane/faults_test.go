// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clocktesting "k8s.io/utils/clock/testing"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/contact"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/testenv/double"
	"github.com/k0smotron/k0smotron/shared/testenv"
	"github.com/k0smotron/k0smotron/shared/testenv/faults"
	"github.com/k0smotron/k0smotron/shared/workload"
)

// The API servers of these tests are fake ones, which are enough for the order of reads and writes, and fast: some
// hundred runs are made.

// TestFaults brings a control plane up with every single fault that can happen on the way. It always ends as if nothing
// had happened, with one Machine.
func TestFaults(t *testing.T) {
	t.Parallel()
	faults.Run(t, (&play{}).scenario())
}

// play is the outside world of all runs of a scenario.
type play struct {
	mutex  sync.Mutex
	double *double.Double
	clock  *clocktesting.FakeClock
}

func (p *play) scenario() faults.Scenario {
	return faults.Scenario{
		NewWorld:  p.newWorld,
		Start:     p.start,
		Advance:   p.advance,
		Normalise: normalise,
		Kinds: []client.ObjectList{
			&controlplanev1.K0sControlPlaneList{}, &corev1.SecretList{}, &clusterv1.MachineList{},
			&bootstrapv1.K0sControllerConfigList{}, infrastructureList(testenv.InfraMachineKind),
		},
	}
}

func (p *play) newWorld(tb testing.TB) faults.World {
	tb.Helper()
	const namespace = "faults"
	cluster := testenv.Cluster(namespace, provisioned)
	cluster.UID = "cluster"
	controlPlane := newControlPlane(namespace)
	controlPlane.UID = "control-plane"
	testenv.OwnedBy(controlPlane, cluster, clusterv1.GroupVersion.WithKind("Cluster"))
	infra := &unstructured.Unstructured{}
	infra.SetGroupVersionKind(testenv.InfraGroupVersion.WithKind(testenv.InfraMachineKind))
	management := fake.NewClientBuilder().WithScheme(env.Scheme).WithReturnManagedFields().
		WithObjects(cluster, controlPlane, testenv.InfraMachineTemplate(namespace, template, map[string]any{"size": "m"})).
		WithObjects(definitions(tb)...).
		WithStatusSubresource(controlPlane, cluster, &clusterv1.Machine{}, &bootstrapv1.K0sControllerConfig{}, infra).
		Build()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.clock = testenv.Clock()
	p.double = double.New(double.Options{
		Management: management, Workload: double.InMemory(), Cluster: client.ObjectKeyFromObject(cluster), Clock: p.clock,
	})
	return faults.World{Management: management, Namespace: namespace}
}

// definitions are those of the kinds that are found by their definitions.
func definitions(tb testing.TB) []client.Object {
	tb.Helper()
	objects := make([]client.Object, 0, 4)
	for _, crd := range testenv.InfrastructureCRDs() {
		objects = append(objects, crd.DeepCopy())
	}
	return append(objects, &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{
		Name: configCRD, Labels: map[string]string{"cluster.x-k8s.io/v1beta2": "v1beta2"},
	}})
}

// start makes a manager with nothing but its clients.
func (p *play) start(_ testing.TB, clients faults.Clients) faults.Pass {
	reconciler := newReconciler(clients.Management, clients.ManagementLive, p.clock, playedFor{p.double})
	reconciler.Random = drawing{}
	reconciler.Issuer.Random = rand.Reader
	key := client.ObjectKey{Namespace: clients.Namespace, Name: testenv.ClusterName}
	return func(ctx context.Context) error {
		_, err := reconciler.Reconcile(ctx, ctrl.Request{NamespacedName: key})
		return err
	}
}

// drawing always draws the same.
type drawing struct{}

func (drawing) Read(bytes []byte) (int, error) {
	for i := range bytes {
		bytes[i] = 0
	}
	return len(bytes), nil
}

// playedFor is the way into the workload cluster of a run.
type playedFor struct{ *double.Double }

func (p playedFor) Ready(context.Context, contact.Access) workload.Evidence {
	if !p.Answers() {
		return workload.Evidence{Message: "the API server cannot be reached: connection refused"}
	}
	return workload.Evidence{StatusCode: http.StatusOK}
}

func (p playedFor) Reach(ctx context.Context, access contact.Access, look contact.Look) error {
	return reach(ctx, p.Double, access, look)
}

func (playedFor) Forget(client.ObjectKey) {}

// advance is everybody else, and the time between two passes.
func (p *play) advance(ctx context.Context, _ faults.World) error {
	p.clock.Step(lookEvery)
	return p.double.Turn(ctx)
}

// normalise takes out what is drawn by lot: keys, certificates, and what is computed from them; and when things happened.
func normalise(object *unstructured.Unstructured) {
	if object.GetKind() == "Secret" {
		data, _, _ := unstructured.NestedMap(object.Object, "data")
		for key := range data {
			data[key] = "<drawn>"
		}
		_ = unstructured.SetNestedMap(object.Object, data, "data")
	}
	annotations := object.GetAnnotations()
	for key := range annotations {
		if strings.HasPrefix(key, "applied.k0smotron.io/") {
			annotations[key] = "<drawn>"
		}
	}
	object.SetAnnotations(annotations)
	unstructured.RemoveNestedField(object.Object, "status", "certificatesExpiryDate")
}

// BenchmarkIdle is one pass over a control plane at rest: what a manager spends on each at every look.
func BenchmarkIdle(b *testing.B) {
	p := &play{}
	world := p.newWorld(b)
	reconciler := newReconciler(world.Management, world.Management, p.clock, playedFor{p.double})
	request := ctrl.Request{NamespacedName: client.ObjectKey{Namespace: world.Namespace, Name: testenv.ClusterName}}
	for range 20 {
		_, err := reconciler.Reconcile(b.Context(), request)
		require.NoError(b, err)
		require.NoError(b, p.advance(b.Context(), world))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := reconciler.Reconcile(b.Context(), request); err != nil {
			b.Fatal(err)
		}
	}
}
