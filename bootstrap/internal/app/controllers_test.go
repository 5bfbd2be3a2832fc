// SPDX-License-Identifier: Apache-2.0

package app

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// TestManagerFollowsEventsOfControllers runs the whole manager while a control plane comes to life: every step is one
// event, and none waits for a poll.
func TestManagerFollowsEventsOfControllers(t *testing.T) {
	labelCRDs(t)
	w := &world{T: t, namespace: env.Namespace(t)}
	w.startManager()
	cluster := testenv.Cluster(w.namespace)
	// A connection that fails once is tried again half a minute later: the kubeconfig is there first.
	w.create(kubeconfig(t, w.namespace))
	w.create(cluster)

	w.controller("first", bootstrapv1.ControllerRoleFirst)
	w.controllerBecomes("first", bootstrapv1.DataSecretAvailableCondition, contract.WaitingForInfrastructure)
	env.ChangeStatus(t, cluster, func() { cluster.Status.Initialization.InfrastructureProvisioned = new(true) })
	w.controllerBecomes("first", bootstrapv1.ControlPlaneJoinableCondition, contract.WaitingForInfrastructure)
	env.Change(t, cluster, func() {
		cluster.Spec.ControlPlaneEndpoint = clusterv1.APIEndpoint{Host: "10.0.0.10", Port: 6443}
	})
	w.controllerBecomes("first", bootstrapv1.CertificatesAvailableCondition, contract.WaitingForControlPlane)
	for _, purpose := range pki.Purposes() {
		pair, err := pki.Issuer{Clock: clock.RealClock{}, Random: rand.Reader}.Pair(purpose)
		require.NoError(t, err)
		w.create(testenv.Secret(w.namespace, purpose.SecretName(testenv.ClusterName), map[string]string{
			pki.CertKey: string(pair.Cert), pki.PrivateKeyKey: string(pair.Key),
		}))
	}
	w.controllerBecomes("first", bootstrapv1.ReadyCondition, bootstrapv1.ReadyReason)

	w.controller("second", bootstrapv1.ControllerRoleFirst)
	w.controllerBecomes("second", bootstrapv1.ControlPlaneJoinableCondition, bootstrapv1.InitLockTakenReason)
	require.NoError(t, env.Client.Delete(t.Context(), w.controllerMachine("first")))
	w.controllerBecomes("second", bootstrapv1.ReadyCondition, bootstrapv1.ReadyReason)

	w.controller("third", bootstrapv1.ControllerRoleJoining)
	w.controllerBecomes("third", bootstrapv1.ControlPlaneJoinableCondition, contract.WaitingForControlPlane)
	env.ChangeStatus(t, cluster, func() { cluster.Status.Initialization.ControlPlaneInitialized = new(true) })
	w.controllerBecomes("third", bootstrapv1.ControlPlaneJoinableCondition, bootstrapv1.WaitingForMemberReason)
	w.becomesHealthy("second")
	w.controllerBecomes("second", bootstrapv1.ControlPlaneJoinableCondition, bootstrapv1.JoinedReason)
	w.controllerBecomes("third", bootstrapv1.ReadyCondition, bootstrapv1.ReadyReason)
	token := w.tokenOf("third")
	w.exists(token)
	w.becomesHealthy("third")
	w.controllerBecomes("third", bootstrapv1.ControlPlaneJoinableCondition, bootstrapv1.JoinedReason)
	require.Eventually(t, func() bool {
		return apierrors.IsNotFound(env.Client.Get(t.Context(), client.ObjectKeyFromObject(token), token))
	}, within, 50*time.Millisecond, "the token is still valid")

	// As at the end of the test of workers: the ClusterCache has to let go of the API server.
	require.NoError(t, env.Client.Delete(t.Context(), cluster))
	<-time.After(time.Second)
}

// controller makes what the control-plane provider makes.
func (w *world) controller(name string, role bootstrapv1.ControllerRole) {
	w.Helper()
	machine := testenv.Machine(w.namespace, name, testenv.BootstrappedBy("K0sControllerConfig", name))
	machine.Labels[clusterv1.MachineControlPlaneLabel] = ""
	machine.Spec.Version = "v1.36.3"
	w.create(machine)
	env.Create(w.T, testenv.OwnedBy(&bootstrapv1.K0sControllerConfig{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.namespace, Name: name, Labels: map[string]string{clusterv1.ClusterNameLabel: testenv.ClusterName},
		},
		Spec: bootstrapv1.K0sControllerConfigSpec{Role: role},
	}, machine, clusterv1.GroupVersion.WithKind("Machine")))
}

func (w *world) controllerMachine(name string) *clusterv1.Machine {
	w.Helper()
	machine := &clusterv1.Machine{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}}
	env.Get(w.T, machine)
	return machine
}

// becomesHealthy is what the control-plane provider says about a controller that works.
func (w *world) becomesHealthy(name string) {
	w.Helper()
	machine := w.controllerMachine(name)
	env.ChangeStatus(w.T, machine, func() {
		for _, condition := range []string{
			contract.APIServerHealthyCondition, contract.EtcdMemberHealthyCondition, contract.K0sControllerHealthyCondition,
		} {
			conditions.True(machine, condition, "Healthy", "")
		}
	})
}

func (w *world) controllerBecomes(name, conditionType, reason string) {
	w.Helper()
	config := &bootstrapv1.K0sControllerConfig{}
	key := client.ObjectKey{Namespace: w.namespace, Name: name}
	if !assert.Eventually(w.T, func() bool {
		require.NoError(w.T, env.Client.Get(w.Context(), key, config))
		condition := conditions.Get(config, conditionType)
		return condition != nil && condition.Reason == reason
	}, within, 20*time.Millisecond, "%s: %s does not become %s", name, conditionType, reason) {
		require.FailNow(w.T, "it says", "%v", config.Status.Conditions)
	}
}

// tokenOf is the bootstrap token of the recorded id.
func (w *world) tokenOf(name string) *corev1.Secret {
	w.Helper()
	record := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: jointoken.RecordName(name)}}
	w.exists(record)
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: jointoken.Namespace, Name: "bootstrap-token-" + string(record.Data["token-id"]),
	}}
}
