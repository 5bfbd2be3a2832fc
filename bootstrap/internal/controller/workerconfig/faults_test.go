// SPDX-License-Identifier: Apache-2.0

package workerconfig_test

import (
	"context"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/testenv/stage"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/testenv"
	"github.com/k0smotron/k0smotron/shared/testenv/faults"
)

// TestFaults makes bootstrap data with every single fault that can happen on the way. It always ends with one token and
// with bootstrap data that holds this token.
func TestFaults(t *testing.T) {
	t.Parallel()
	faults.Run(t, (&play{t: t}).scenario())
}

// TestFaultsOfJoining does the same for a machine that joins in the end: no token is left.
func TestFaultsOfJoining(t *testing.T) {
	t.Parallel()
	faults.Run(t, (&play{t: t, joins: true}).scenario())
}

// play is the outside world of all runs of a scenario.
type play struct {
	t *testing.T
	// joins lets the machine get a Node once it has bootstrap data.
	joins bool

	mutex sync.Mutex
	// seen is the user data that machines have seen, by namespace.
	seen map[string]string
}

func (p *play) scenario() faults.Scenario {
	return faults.Scenario{
		NewWorld:      newFaultyWorld,
		Start:         startFaulty,
		Advance:       p.advance,
		Normalise:     stage.HideRandom,
		Kinds:         []client.ObjectList{&bootstrapv1.K0sWorkerConfigList{}, &corev1.SecretList{}},
		WorkloadKinds: []client.ObjectList{&corev1.SecretList{}},
	}
}

func newFaultyWorld(tb testing.TB) faults.World {
	tb.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "faults-"}}
	create(tb, namespace)
	machine := testenv.Machine(
		namespace.Name, name, testenv.BootstrappedBy("K0sWorkerConfig", name), version("v1.36.3"))
	create(
		tb,
		testenv.Cluster(namespace.Name, testenv.Initialized("10.0.0.10", 6443)),
		joinInfo(tb, namespace.Name),
		machine,
	)
	create(tb, testenv.OwnedBy(newConfig(namespace.Name), machine, clusterv1.GroupVersion.WithKind("Machine")))
	return faults.World{Management: env.Client, Namespace: namespace.Name, Workload: stage.Workload()}
}

func create(tb testing.TB, objects ...client.Object) {
	tb.Helper()
	if err := testenv.Create(tb.Context(), env.Client, objects...); err != nil {
		tb.Fatal(err)
	}
}

func startFaulty(_ testing.TB, clients faults.Clients) faults.Pass {
	reconciler := newReconciler(
		clients.Management, clients.ManagementLive, &stage.Clusters{Connected: clients.Workload}, testenv.Clock())
	return func(ctx context.Context) error {
		_, err := reconciler.Reconcile(ctx, request(clients.Namespace))
		return err
	}
}

// advance plays the machine: it boots once with what core hands it, and what it has booted with must never change.
func (p *play) advance(ctx context.Context, world faults.World) error {
	key := client.ObjectKey{Namespace: world.Namespace, Name: name}
	config := &bootstrapv1.K0sWorkerConfig{}
	if err := world.Management.Get(ctx, key, config); err != nil {
		return err
	}
	if config.Status.DataSecretName == "" {
		return nil
	}
	secret := &corev1.Secret{}
	if err := world.Management.Get(ctx, key, secret); err != nil {
		return err
	}
	p.boot(world.Namespace, string(secret.Data["value"]))
	if !p.joins {
		return p.checkTokens(ctx, world)
	}
	machine := &clusterv1.Machine{}
	if err := world.Management.Get(ctx, key, machine); err != nil || machine.Status.NodeRef.IsDefined() {
		return err
	}
	machine.Status.NodeRef = clusterv1.MachineNodeReference{Name: "node-1"}
	if err := world.Management.Status().Update(ctx, machine); !apierrors.IsConflict(err) {
		return err
	}
	return nil
}

// checkTokens holds the one record and the one token of the workload cluster against each other.
func (p *play) checkTokens(ctx context.Context, world faults.World) error {
	record := &corev1.Secret{}
	key := client.ObjectKey{Namespace: world.Namespace, Name: jointoken.RecordName(name)}
	if err := world.Management.Get(ctx, key, record); err != nil {
		return err
	}
	tokens := &corev1.SecretList{}
	if err := world.Workload.List(ctx, tokens, client.InNamespace(jointoken.Namespace)); err != nil {
		return err
	}
	if len(tokens.Items) != 1 || string(tokens.Items[0].Data["token-id"]) != string(record.Data["token-id"]) {
		p.t.Errorf("%s: the workload cluster does not know the recorded token and no other", world.Namespace)
	}
	join := stage.Join(p.t, stage.Files(p.t, p.userData(world.Namespace)))
	if join.Token.ID != string(record.Data["token-id"]) {
		p.t.Errorf("%s: the machine has another token than the one that is kept valid", world.Namespace)
	}
	return nil
}

func (p *play) userData(namespace string) string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.seen[namespace]
}

func (p *play) boot(namespace, userData string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.seen == nil {
		p.seen = map[string]string{}
	}
	if before, booted := p.seen[namespace]; booted && before != userData {
		p.t.Errorf("%s: the bootstrap data changed after the machine had booted with it", namespace)
	}
	p.seen[namespace] = userData
}
