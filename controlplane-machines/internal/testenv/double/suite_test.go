// SPDX-License-Identifier: Apache-2.0

package double_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/testenv/double"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// newest is a release that writes all labels.
const newest = "v1.36.3+k0s.2"

var (
	env    *testenv.Environment
	server *double.Server
)

func TestMain(m *testing.M) {
	os.Exit(double.Main(m, testenv.Options{
		CRDPaths:    []string{"../../../../bootstrap/config/crd/bases"},
		AddToScheme: []func(*runtime.Scheme) error{bootstrapv1.AddToScheme},
	}, func(e *testenv.Environment, s *double.Server) { env, server = e, s }))
}

// world is a Cluster whose control plane is made by hand.
type world struct {
	t         *testing.T
	namespace string
	clock     *clocktesting.FakeClock
	workload  client.WithWatch
	cluster   *clusterv1.Cluster
	*double.Double
}

func newWorld(t *testing.T, overrides ...func(*double.Options)) *world {
	t.Helper()
	w := &world{t: t, namespace: env.Namespace(t), clock: testenv.Clock()}
	w.cluster = testenv.Cluster(w.namespace, func(c *clusterv1.Cluster) {
		c.Spec.ControlPlaneRef = clusterv1.ContractVersionedObjectReference{
			APIGroup: "controlplane.cluster.x-k8s.io", Kind: "K0sControlPlane", Name: c.Name,
		}
		c.Status.Initialization.InfrastructureProvisioned = new(true)
	})
	env.Create(t, w.cluster)
	options := double.Options{Management: env.Client, Cluster: client.ObjectKeyFromObject(w.cluster), Clock: w.clock}
	for _, override := range overrides {
		override(&options)
	}
	if options.Workload == nil {
		options.Workload = server.Empty(t)
	}
	w.workload, _ = options.Workload.(client.WithWatch)
	w.Double = double.New(options)
	return w
}

// alter changes a new controller's Machine and config.
type alter func(*clusterv1.Machine, *bootstrapv1.K0sControllerConfig)

func release(version string) alter {
	return func(machine *clusterv1.Machine, _ *bootstrapv1.K0sControllerConfig) { machine.Spec.Version = version }
}

func k0s(document string) alter {
	return func(_ *clusterv1.Machine, config *bootstrapv1.K0sControllerConfig) {
		config.Spec.K0s.Raw = []byte(document)
	}
}

func joins(_ *clusterv1.Machine, config *bootstrapv1.K0sControllerConfig) {
	config.Spec.Role = bootstrapv1.ControllerRoleJoining
}

// controller makes a Machine with all that is behind it, as the reconciler does.
func (w *world) controller(name string, changes ...alter) {
	w.t.Helper()
	machine := testenv.Machine(w.namespace, name, testenv.BootstrappedBy("K0sControllerConfig", name))
	machine.Labels[clusterv1.MachineControlPlaneLabel] = ""
	machine.Annotations = map[string]string{contract.LeaveHookAnnotation: ""}
	machine.Spec.Version = newest
	config := &bootstrapv1.K0sControllerConfig{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.namespace, Name: name, Labels: contract.ClusterLabels(w.cluster.Name),
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "controlplane.cluster.x-k8s.io/v1beta2", Kind: "K0sControlPlane", Name: w.cluster.Name, UID: "1",
			}},
		},
		Spec: bootstrapv1.K0sControllerConfigSpec{Role: bootstrapv1.ControllerRoleFirst},
	}
	for _, change := range changes {
		change(machine, config)
	}
	env.Create(w.t, testenv.InfraMachine(w.namespace, name, ""), config, machine)
}

// healthy marks a Machine as the reconciler does when its controller works.
func (w *world) healthy(name string) {
	w.t.Helper()
	machine := w.machine(name)
	for _, condition := range []string{
		contract.APIServerHealthyCondition, contract.EtcdMemberHealthyCondition, contract.K0sControllerHealthyCondition,
	} {
		conditions.True(machine, condition, "Healthy", "")
	}
	require.NoError(w.t, env.Client.Status().Update(w.t.Context(), machine))
}

// members makes a control plane of the named controllers.
func (w *world) members(changes []alter, names ...string) {
	w.t.Helper()
	w.controller(names[0], changes...)
	w.turns(2)
	w.healthy(names[0])
	for _, name := range names[1:] {
		w.controller(name, append([]alter{joins}, changes...)...)
		w.turns(3)
	}
	require.Equal(w.t, names, w.Voters())
}

func (w *world) turns(count int) {
	w.t.Helper()
	for range count {
		require.NoError(w.t, w.Turn(w.t.Context()))
	}
}

func (w *world) machine(name string) *clusterv1.Machine {
	w.t.Helper()
	machine := &clusterv1.Machine{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}}
	env.Get(w.t, machine)
	return machine
}

// etcdMember is an EtcdMember; nil when there is none.
func (w *world) etcdMember(name string) *k0snode.EtcdMember {
	w.t.Helper()
	objects := w.objects()
	for i := range objects.Members {
		if objects.Members[i].Name == name {
			return &objects.Members[i]
		}
	}
	return nil
}

// objects are what the provider reads.
func (w *world) objects() k0snode.Objects {
	w.t.Helper()
	objects, err := k0snode.Reader{Objects: w.workload, Leases: w.workload}.Read(w.t.Context())
	require.NoError(w.t, err)
	return objects
}

// leases are all leases of controllers.
func (w *world) leases() []coordinationv1.Lease {
	w.t.Helper()
	list := &coordinationv1.LeaseList{}
	require.NoError(w.t, w.workload.List(w.t.Context(), list, client.InNamespace(corev1.NamespaceNodeLease)))
	return list.Items
}

// askToLeave sets spec.leave, as the provider does.
func (w *world) askToLeave(name string) {
	w.t.Helper()
	object := k0snode.EtcdMemberObject(name)
	require.NoError(w.t, w.workload.Get(w.t.Context(), client.ObjectKey{Name: name}, object))
	require.NoError(w.t, unstructured.SetNestedField(object.Object, true, "spec", "leave"))
	require.NoError(w.t, w.workload.Update(w.t.Context(), object))
}

// judge is the provider's judgement after looks that are 10 seconds apart, with a turn between them.
func (w *world) judge(looks int, names ...string) k0snode.Report {
	w.t.Helper()
	var (
		memory k0snode.Memory
		report k0snode.Report
	)
	facts := k0snode.Facts{Storage: k0snode.StorageEtcd}
	for _, name := range names {
		facts.Machines = append(facts.Machines, k0snode.Machine{Name: name, DataGiven: true})
	}
	for range looks {
		w.turns(1)
		objects := w.objects()
		facts.Now, facts.Objects = w.clock.Now(), &objects
		report, memory = k0snode.Judge(memory, facts)
		w.clock.Step(lookEvery)
	}
	return report
}

// versions are the resource versions of everything but leases.
func (w *world) versions() string {
	w.t.Helper()
	var all strings.Builder
	note := func(reader client.Client, list client.ObjectList, options ...client.ListOption) {
		require.NoError(w.t, reader.List(w.t.Context(), list, options...))
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(list)
		require.NoError(w.t, err)
		items, _, _ := unstructured.NestedSlice(content, "items")
		for _, item := range items {
			object := unstructured.Unstructured{Object: item.(map[string]any)}
			all.WriteString(object.GetKind() + object.GetName() + object.GetResourceVersion() + "\n")
		}
	}
	mine := client.InNamespace(w.namespace)
	note(env.Client, &clusterv1.MachineList{}, mine)
	note(env.Client, &bootstrapv1.K0sControllerConfigList{}, mine)
	note(env.Client, &corev1.SecretList{}, mine)
	note(w.workload, &corev1.NodeList{})
	members, err := double.List(w.t.Context(), w.workload, double.EtcdMemberKind)
	require.NoError(w.t, err)
	nodes, err := double.List(w.t.Context(), w.workload, double.ControlNodeKind)
	require.NoError(w.t, err)
	for _, object := range append(members, nodes...) {
		all.WriteString(object.GetName() + object.GetResourceVersion() + "\n")
	}
	return all.String()
}
