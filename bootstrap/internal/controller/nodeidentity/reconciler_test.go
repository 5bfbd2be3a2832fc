// SPDX-License-Identifier: Apache-2.0

package nodeidentity_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k0smotron/k0smotron/bootstrap/internal/controller/nodeidentity"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/testenv"
	"github.com/k0smotron/k0smotron/shared/workload"
)

const (
	namespace = "default"
	name      = "workers-x7k2p"
	id        = "lab://workers-x7k2p"
)

// clusters is access to one workload cluster; none while client is nil. It remembers what is watched.
type clusters struct {
	client  client.Client
	watched []string
}

func (c *clusters) Client(context.Context, client.ObjectKey) (client.Client, error) {
	if c.client == nil {
		return nil, phase.Waiting(workload.NotConnected, "waiting", 1)
	}
	return c.client, nil
}

func (c *clusters) Live(ctx context.Context, key client.ObjectKey) (client.Client, error) {
	return c.Client(ctx, key)
}

func (c *clusters) Watch(_ context.Context, cluster client.ObjectKey, watcher clustercache.Watcher) error {
	if c.client == nil {
		return phase.Waiting(workload.NotConnected, "waiting", 1)
	}
	c.watched = append(c.watched, cluster.Name+"/"+watcher.Name())
	return nil
}

func machine(overrides ...func(*clusterv1.Machine)) *clusterv1.Machine {
	return testenv.Machine(namespace, name, append([]func(*clusterv1.Machine){
		testenv.BootstrappedBy("K0sWorkerConfig", name),
		func(m *clusterv1.Machine) { m.Spec.ProviderID = id },
	}, overrides...)...)
}

func node(nodeName, label, providerID string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: nodeName, Labels: map[string]string{contract.MachineNameLabel: label}},
		Spec:       corev1.NodeSpec{ProviderID: providerID},
	}
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 100)
	for testName, test := range map[string]struct {
		machine *clusterv1.Machine
		cluster *clusterv1.Cluster
		nodes   []client.Object
		want    map[string]string
		watches bool
	}{
		"TheNodeGetsIt": {
			machine: machine(), nodes: []client.Object{node("n1", name, ""), node("n2", "other", "")},
			want: map[string]string{"n1": id, "n2": ""}, watches: true,
		},
		"HostNamesDoNotCount": {
			machine: machine(), nodes: []client.Object{node(name, "other", "")}, want: map[string]string{name: ""}, watches: true,
		},
		"LongNamesAreCut": {
			machine: machine(func(m *clusterv1.Machine) { m.Name = long }),
			nodes:   []client.Object{node("n1", contract.MachineNameValue(long), "")},
			want:    map[string]string{"n1": id}, watches: true,
		},
		"ACloudWasFaster": {
			machine: machine(), nodes: []client.Object{node("n1", name, "aws:///i-1")},
			want: map[string]string{"n1": "aws:///i-1"}, watches: true,
		},
		"NoNodeYet": {machine: machine(), want: map[string]string{}, watches: true},
		"Ambiguous": {
			machine: machine(), nodes: []client.Object{node("n1", name, ""), node("n2", name, "")},
			want: map[string]string{"n1": "", "n2": ""}, watches: true,
		},
		"NoProviderIDYet": {
			machine: machine(func(m *clusterv1.Machine) { m.Spec.ProviderID = "" }),
			nodes:   []client.Object{node("n1", name, "")}, want: map[string]string{"n1": ""},
		},
		"AControllerThatIsANode": {
			machine: machine(testenv.BootstrappedBy("K0sControllerConfig", name)),
			nodes:   []client.Object{node("n1", name, "")}, want: map[string]string{"n1": id}, watches: true,
		},
		"OtherBootstrapProvider": {
			machine: machine(testenv.BootstrappedBy("KubeadmConfig", name)),
			nodes:   []client.Object{node("n1", name, "")}, want: map[string]string{"n1": ""},
		},
		"NoBootstrapConfig": {
			machine: machine(func(m *clusterv1.Machine) { m.Spec.Bootstrap = clusterv1.Bootstrap{DataSecretName: new("x")} }),
			nodes:   []client.Object{node("n1", name, "")}, want: map[string]string{"n1": ""},
		},
		"Deleted": {
			machine: machine(func(m *clusterv1.Machine) {
				m.DeletionTimestamp, m.Finalizers = &metav1.Time{Time: testenv.Now}, []string{"x"}
			}),
			nodes: []client.Object{node("n1", name, "")}, want: map[string]string{"n1": ""},
		},
		"ClusterPaused": {
			machine: machine(), cluster: testenv.Cluster(namespace, testenv.Paused),
			nodes: []client.Object{node("n1", name, "")}, want: map[string]string{"n1": ""},
		},
		"MachinePaused": {
			machine: machine(func(m *clusterv1.Machine) { m.Annotations = map[string]string{clusterv1.PausedAnnotation: ""} }),
			nodes:   []client.Object{node("n1", name, "")}, want: map[string]string{"n1": ""},
		},
	} {
		t.Run(testName, func(t *testing.T) {
			t.Parallel()
			if test.cluster == nil {
				test.cluster = testenv.Cluster(namespace)
			}
			nodes := fake.NewClientBuilder().WithObjects(test.nodes...).Build()
			access := &clusters{client: nodes}
			result, err := reconciler(access, test.machine, test.cluster).Reconcile(t.Context(), request(test.machine))
			require.NoError(t, err)
			assert.Zero(t, result, "nothing is polled")
			assert.Equal(t, test.want, providerIDs(t, nodes))
			if test.watches {
				assert.Equal(t, []string{"tiger/nodeidentity-nodes"}, access.watched)
			} else {
				assert.Empty(t, access.watched)
			}
		})
	}
}

func TestReconcileWithoutObjects(t *testing.T) {
	t.Parallel()
	access := &clusters{client: fake.NewClientBuilder().Build()}
	for testName, objects := range map[string][]client.Object{
		"NoMachine": nil,
		"NoCluster": {machine()},
	} {
		result, err := reconciler(access, objects...).Reconcile(t.Context(), request(machine()))
		require.NoError(t, err, testName)
		assert.Zero(t, result, testName)
	}
}

// TestNotConnected holds because the connection wakes the Machine.
func TestNotConnected(t *testing.T) {
	t.Parallel()
	result, err := reconciler(
		&clusters{},
		machine(),
		testenv.Cluster(namespace),
	).Reconcile(t.Context(), request(machine()))
	require.NoError(t, err)
	assert.Zero(t, result)
}

func TestIdle(t *testing.T) {
	t.Parallel()
	writes := 0
	nodes := fake.NewClientBuilder().WithObjects(node("n1", name, "")).WithInterceptorFuncs(interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			writes++
			return c.Patch(ctx, o, p, opts...)
		},
	}).Build()
	r := reconciler(&clusters{client: nodes}, machine(), testenv.Cluster(namespace))
	for range 3 {
		_, err := r.Reconcile(t.Context(), request(machine()))
		require.NoError(t, err)
	}
	assert.Equal(t, 1, writes, "a Node that has its providerID costs nothing")
}

func TestErrorsAreReturned(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	nodes := fake.NewClientBuilder().WithObjects(node("n1", name, "")).WithInterceptorFuncs(interceptor.Funcs{
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			return broken
		},
	}).Build()
	_, err := reconciler(
		&clusters{client: nodes},
		machine(),
		testenv.Cluster(namespace),
	).Reconcile(t.Context(), request(machine()))
	require.ErrorIs(t, err, broken)
}

// TestOtherManagersMachines holds because a Node or a Cluster wakes every Machine, whoever serves it.
func TestOtherManagersMachines(t *testing.T) {
	t.Parallel()
	for label, want := range map[string]string{"mine": id, "another": ""} {
		nodes := fake.NewClientBuilder().WithObjects(node("n1", name, "")).Build()
		labelled := machine(func(m *clusterv1.Machine) { m.Labels[clusterv1.WatchLabel] = label })
		r := reconciler(&clusters{client: nodes}, labelled, testenv.Cluster(namespace))
		r.WatchFilter = "mine"
		_, err := r.Reconcile(t.Context(), request(labelled))
		require.NoError(t, err)
		assert.Equal(t, want, providerIDs(t, nodes)["n1"], label)
	}
}

func reconciler(access workload.Clusters, objects ...client.Object) *nodeidentity.Reconciler {
	return &nodeidentity.Reconciler{
		Client:     fake.NewClientBuilder().WithScheme(testenv.MustScheme()).WithObjects(objects...).Build(),
		Workload:   access,
		FieldOwner: "k0smotron-bootstrap",
	}
}

func request(m *clusterv1.Machine) ctrl.Request {
	return ctrl.Request{NamespacedName: client.ObjectKeyFromObject(m)}
}

func providerIDs(t *testing.T, nodes client.Reader) map[string]string {
	t.Helper()
	list := &corev1.NodeList{}
	require.NoError(t, nodes.List(t.Context(), list))
	ids := map[string]string{}
	for i := range list.Items {
		ids[list.Items[i].Name] = list.Items[i].Spec.ProviderID
	}
	return ids
}
