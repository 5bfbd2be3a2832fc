// SPDX-License-Identifier: Apache-2.0

package controllerconfig_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/testenv/stage"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/testenv"
	"github.com/k0smotron/k0smotron/shared/testenv/faults"
)

// TestFaultsOfTheFirst makes the data of a first controller with every single fault that can happen on the way: it ends
// with the lock in its hands, and the machine boots with one and the same data.
func TestFaultsOfTheFirst(t *testing.T) {
	t.Parallel()
	faults.Run(t, (&play{t: t, world: firstWorld, configs: []string{name}}).scenario())
}

// TestFaultsOfInheriting does the same where the lock is that of a machine that is gone.
func TestFaultsOfInheriting(t *testing.T) {
	t.Parallel()
	faults.Run(t, (&play{t: t, world: inheritingWorld, configs: []string{name}}).scenario())
}

// TestFaultsOfTwoFirsts has two configs that both want to create the cluster: whatever happens, one of them does. Which
// one depends on what went wrong, so the lock alone is compared, and the machines that have booted are counted.
func TestFaultsOfTwoFirsts(t *testing.T) {
	t.Parallel()
	p := &play{t: t, world: twoFirstsWorld, configs: []string{name, other}}
	scenario := p.scenario()
	scenario.Kinds = []client.ObjectList{&corev1.ConfigMapList{}}
	faults.Run(t, scenario)
	for namespace, booted := range p.booted() {
		if booted != 1 {
			t.Errorf("%s: %d machines create a cluster", namespace, booted)
		}
	}
}

// TestFaultsOfJoining makes the data of a controller that joins, and lets it join.
func TestFaultsOfJoining(t *testing.T) {
	t.Parallel()
	faults.Run(t, (&play{t: t, world: joiningWorld, configs: []string{name}, joins: true}).scenario())
}

// play is the outside world of all runs of a scenario.
type play struct {
	t       *testing.T
	world   func(tb testing.TB, namespace string)
	configs []string
	// joins lets the machine be seen as a member once it has bootstrap data.
	joins bool

	mutex sync.Mutex
	// namespaces are those of all runs.
	namespaces []string
	// seen is the user data that machines have seen, by namespace and name.
	seen map[string]string
}

func (p *play) scenario() faults.Scenario {
	return faults.Scenario{
		NewWorld: func(tb testing.TB) faults.World {
			tb.Helper()
			namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "faults-"}}
			create(tb, namespace)
			p.world(tb, namespace.Name)
			p.mutex.Lock()
			defer p.mutex.Unlock()
			p.namespaces = append(p.namespaces, namespace.Name)
			return faults.World{Management: env.Client, Namespace: namespace.Name, Workload: stage.Workload()}
		},
		Start:     p.start,
		Advance:   p.advance,
		Normalise: normalise,
		Kinds: []client.ObjectList{
			&bootstrapv1.K0sControllerConfigList{}, &corev1.SecretList{}, &corev1.ConfigMapList{},
		},
		WorkloadKinds: []client.ObjectList{&corev1.SecretList{}},
	}
}

func firstWorld(tb testing.TB, namespace string) {
	tb.Helper()
	create(tb, testenv.Cluster(namespace, beginning))
	create(tb, certificates(tb, namespace)...)
	createController(tb, namespace, name)
}

func inheritingWorld(tb testing.TB, namespace string) {
	tb.Helper()
	firstWorld(tb, namespace)
	create(tb, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: lockName, Labels: map[string]string{clusterv1.ClusterNameLabel: testenv.ClusterName},
		},
		Data: map[string]string{contract.InitLockMachineKey: "gone", contract.InitLockMachineUIDKey: "1"},
	})
}

func twoFirstsWorld(tb testing.TB, namespace string) {
	tb.Helper()
	firstWorld(tb, namespace)
	createController(tb, namespace, other)
}

func joiningWorld(tb testing.TB, namespace string) {
	tb.Helper()
	create(tb, testenv.Cluster(namespace, testenv.Initialized("10.0.0.10", 6443)), member(namespace, "tiger-a", healthy))
	create(tb, certificates(tb, namespace)...)
	createController(tb, namespace, name, joins)
}

func createController(
	tb testing.TB, namespace, machineName string, overrides ...func(*bootstrapv1.K0sControllerConfig),
) {
	tb.Helper()
	machine := member(namespace, machineName, testenv.BootstrappedBy("K0sControllerConfig", machineName))
	create(tb, machine)
	create(tb, testenv.OwnedBy(newConfig(namespace, machineName, overrides...), machine, machineKind))
}

func create(tb testing.TB, objects ...client.Object) {
	tb.Helper()
	if err := testenv.Create(tb.Context(), env.Client, objects...); err != nil {
		tb.Fatal(err)
	}
}

func (p *play) start(_ testing.TB, clients faults.Clients) faults.Pass {
	reconciler := newReconciler(
		clients.Management, clients.ManagementLive, &stage.Clusters{Connected: clients.Workload}, testenv.Clock())
	return func(ctx context.Context) error {
		var all error
		for _, config := range p.configs {
			_, err := reconciler.Reconcile(ctx, request(clients.Namespace, config))
			all = errors.Join(all, err)
		}
		return all
	}
}

// advance plays core and the machines: each boots once with what core hands it, and what it has booted with must never
// change. At most one boots with the data of a first controller.
func (p *play) advance(ctx context.Context, world faults.World) error {
	for _, machineName := range p.configs {
		if err := p.boot(ctx, world, machineName); err != nil {
			return err
		}
	}
	return nil
}

func (p *play) boot(ctx context.Context, world faults.World, machineName string) error {
	key := client.ObjectKey{Namespace: world.Namespace, Name: machineName}
	config, secret := &bootstrapv1.K0sControllerConfig{}, &corev1.Secret{}
	if err := world.Management.Get(ctx, key, config); err != nil || config.Status.DataSecretName == "" {
		return err
	}
	if err := world.Management.Get(ctx, key, secret); err != nil {
		return err
	}
	p.see(world.Namespace, machineName, string(secret.Data["value"]))
	if !p.joins {
		return nil
	}
	machine := &clusterv1.Machine{}
	if err := world.Management.Get(ctx, key, machine); err != nil || contract.HasJoined(machine) {
		return err
	}
	p.checkToken(world, machineName) //nolint:contextcheck // It reads with the context of the test, as all helpers.
	healthy(machine)
	if err := world.Management.Status().Update(ctx, machine); !apierrors.IsConflict(err) {
		return err
	}
	return nil
}

// checkToken holds the token of the machine against the only one of the workload cluster.
func (p *play) checkToken(world faults.World, machineName string) {
	tokens := stage.Tokens(p.t, world.Workload)
	join := stage.Join(p.t, stage.Files(p.t, p.userData(world.Namespace, machineName)))
	if len(tokens) != 1 || tokens[0].Name != join.Token.SecretName() {
		p.t.Errorf("%s: the workload cluster does not know the machine's token and no other", world.Namespace)
	}
}

// booted counts the machines that have booted in every run.
func (p *play) booted() map[string]int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	counts := map[string]int{}
	for _, namespace := range p.namespaces {
		counts[namespace] = 0
		for _, machineName := range p.configs {
			if p.seen[namespace+"/"+machineName] != "" {
				counts[namespace]++
			}
		}
	}
	return counts
}

func (p *play) userData(namespace, machineName string) string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.seen[namespace+"/"+machineName]
}

func (p *play) see(namespace, machineName, userData string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.seen == nil {
		p.seen = map[string]string{}
	}
	key := namespace + "/" + machineName
	if before, booted := p.seen[key]; booted && before != userData {
		p.t.Errorf("%s: the bootstrap data changed after the machine had booted with it", key)
	}
	p.seen[key] = userData
}

// normalise takes out what is random by design, and who of two holds the lock.
func normalise(object *unstructured.Unstructured) {
	stage.HideRandom(object)
	data, _, _ := unstructured.NestedMap(object.Object, "data")
	if _, held := data[contract.InitLockMachineUIDKey]; held && object.GetKind() == "ConfigMap" {
		data[contract.InitLockMachineUIDKey] = "random"
		data[contract.InitLockMachineKey] = "either"
		_ = unstructured.SetNestedMap(object.Object, data, "data")
	}
}
