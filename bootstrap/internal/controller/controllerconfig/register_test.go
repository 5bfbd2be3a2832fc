// SPDX-License-Identifier: Apache-2.0

package controllerconfig

import (
	"testing"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/controller/machineconfig"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// TestEventsWakeTheRightConfigs holds because nothing is polled: a config that is not woken waits for ever.
func TestEventsWakeTheRightConfigs(t *testing.T) {
	t.Parallel()
	done := namedConfig("done", "tiger")
	done.Status.DataSecretName = "done"
	withFiles := namedConfig("with-files", "lion")
	withFiles.Spec.Files = []bootstrapv1.File{{
		Path: "/a", ContentFrom: bootstrapv1.FileSource{SecretRef: bootstrapv1.KeyReference{Name: "source", Key: "k"}},
	}}
	reader := fake.NewClientBuilder().WithScheme(testenv.MustScheme(bootstrapv1.AddToScheme)).
		WithIndex(&bootstrapv1.K0sControllerConfig{}, machineconfig.WakersIndex, wakersOf).
		WithObjects(namedConfig("plain", "tiger"), done, withFiles).Build()
	watches := (&Reconciler{Steps: machineconfig.Steps{Client: reader}}).watches()
	ctx := t.Context()
	secret := func(name string) []ctrl.Request {
		return watches.WokenBy("Secret")(ctx, testenv.Secret("default", name, nil))
	}
	configMap := func(name string) []ctrl.Request {
		return watches.WokenBy("ConfigMap")(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		})
	}
	for name, test := range map[string]struct {
		got  []ctrl.Request
		want []string
	}{
		"Cluster":         {watches.WokenBy("Cluster")(ctx, testenv.Cluster("default")), []string{"done", "plain"}},
		"CA":              {secret("tiger-ca"), []string{"done", "plain"}},
		"Etcd":            {secret("tiger-etcd"), []string{"done", "plain"}},
		"FrontProxy":      {secret("tiger-proxy"), []string{"done", "plain"}},
		"ServiceAccount":  {secret("tiger-sa"), []string{"done", "plain"}},
		"Kubeconfig":      {secret("tiger-kubeconfig"), nil},
		"Source":          {secret("source"), []string{"with-files"}},
		"Lock":            {configMap("tiger-k0s-init"), []string{"plain"}},
		"OtherConfigMap":  {configMap("settings"), nil},
		"OwnMachine":      {watches.ConfigOfMachine(ctx, machine("plain")), []string{"plain"}},
		"OtherController": {configsOfOthers(watches)(ctx, machine("done")), []string{"plain"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, request := range test.got {
				got = append(got, request.Name)
			}
			assert.ElementsMatch(t, test.want, got)
		})
	}
	assert.Empty(t, wakersOf(testenv.Cluster("default")), "no other kind is indexed")
}

func TestMemberChanged(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*clusterv1.Machine)
		want   bool
	}{
		"Health": {func(machine *clusterv1.Machine) {
			conditions.False(machine, contract.EtcdMemberHealthyCondition, "Test", "")
		}, true},
		"FirstReport": {func(machine *clusterv1.Machine) {
			conditions.True(machine, contract.K0sControllerHealthyCondition, "Test", "")
		}, true},
		"AnotherReason": {func(machine *clusterv1.Machine) {
			conditions.True(machine, contract.EtcdMemberHealthyCondition, "Other", "text")
		}, false},
		"Deleted": {func(machine *clusterv1.Machine) {
			machine.DeletionTimestamp = &metav1.Time{Time: testenv.Now}
		}, true},
		"Address": {func(machine *clusterv1.Machine) {
			machine.Status.Addresses = clusterv1.MachineAddresses{{Type: clusterv1.MachineInternalIP, Address: "10.0.0.1"}}
		}, true},
		"Phase":         {func(machine *clusterv1.Machine) { machine.Status.Phase = "Running" }, false},
		"CoreReadiness": {func(machine *clusterv1.Machine) { conditions.True(machine, "Ready", "Test", "") }, false},
	} {
		before := machine("plain")
		conditions.True(before, contract.EtcdMemberHealthyCondition, "Test", "")
		after := before.DeepCopy()
		test.change(after)
		assert.Equal(t, test.want, memberChanged().Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}), name)
	}
}

func TestIsController(t *testing.T) {
	t.Parallel()
	assert.True(t, isController(machine("plain")))
	assert.False(t, isController(testenv.Machine("default", "worker")))
	assert.False(t, isController(testenv.Cluster("default")))
}

func namedConfig(name, cluster string) *bootstrapv1.K0sControllerConfig {
	return &bootstrapv1.K0sControllerConfig{ObjectMeta: metav1.ObjectMeta{
		Namespace: "default", Name: name, Labels: map[string]string{clusterv1.ClusterNameLabel: cluster},
	}}
}

func machine(config string) *clusterv1.Machine {
	controller := testenv.Machine("default", "tiger-x", testenv.BootstrappedBy(Kind, config))
	controller.Labels[clusterv1.MachineControlPlaneLabel] = ""
	return controller
}
