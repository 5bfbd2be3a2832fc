// SPDX-License-Identifier: Apache-2.0

package workerconfig

import (
	"testing"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/controller/machineconfig"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// TestEventsWakeTheRightConfigs holds because nothing is polled: a config that is not woken waits for ever.
func TestEventsWakeTheRightConfigs(t *testing.T) {
	t.Parallel()
	builder := fake.NewClientBuilder().WithScheme(testenv.MustScheme(bootstrapv1.AddToScheme)).
		WithIndex(&bootstrapv1.K0sWorkerConfig{}, machineconfig.WakersIndex, wakersOf)
	watches := (&Reconciler{Steps: machineconfig.Steps{Client: builder.WithObjects(
		namedConfig("plain", "tiger"),
		namedConfig("other-cluster", "lion"),
		namedConfig("done", "tiger", from("source", "settings"), func(config *bootstrapv1.K0sWorkerConfig) {
			config.Status.DataSecretName = "done"
		}),
		namedConfig("with-files", "lion", from("source", "settings")),
	).Build()}}).watches()
	configMap := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "settings"}}
	elsewhere := testenv.Secret("elsewhere", "source", nil)

	bear := testenv.Cluster("default", func(cluster *clusterv1.Cluster) { cluster.Name = "bear" })

	wokenBy := func(kind string, object client.Object) []ctrl.Request {
		return watches.WokenBy(kind)(t.Context(), object)
	}
	ctx := t.Context()
	for name, test := range map[string]struct {
		got  []ctrl.Request
		want []string
	}{
		"Cluster":              {wokenBy("Cluster", testenv.Cluster("default")), []string{"done", "plain"}},
		"JoinInfo":             {wokenBy("Secret", testenv.Secret("default", "tiger-k0s-join", nil)), []string{"plain"}},
		"CA":                   {wokenBy("Secret", testenv.Secret("default", "tiger-ca", nil)), []string{"plain"}},
		"Source":               {wokenBy("Secret", testenv.Secret("default", "source", nil)), []string{"with-files"}},
		"SourceElsewhere":      {wokenBy("Secret", elsewhere), nil},
		"AnySecret":            {wokenBy("Secret", testenv.Secret("default", "tiger-etcd", nil)), nil},
		"SecretNamedAsAMap":    {wokenBy("Secret", testenv.Secret("default", "settings", nil)), nil},
		"ConfigMap":            {wokenBy("ConfigMap", configMap), []string{"with-files"}},
		"Machine":              {watches.ConfigOfMachine(ctx, machine("K0sWorkerConfig")), []string{"plain"}},
		"MachineOfSomebody":    {watches.ConfigOfMachine(ctx, machine("KubeadmConfig")), nil},
		"SomethingElseAtAll":   {watches.ConfigOfMachine(ctx, configMap), nil},
		"ClusterNobodyKnowsOf": {wokenBy("Cluster", bear), nil},
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
}

// TestAFailedLookUpWakesNobody and is told in the log; the resync finds what was missed.
func TestAFailedLookUpWakesNobody(t *testing.T) {
	t.Parallel()
	// Without the index the list is refused.
	unindexed := fake.NewClientBuilder().WithScheme(testenv.MustScheme(bootstrapv1.AddToScheme)).Build()
	watches := (&Reconciler{Steps: machineconfig.Steps{Client: unindexed}}).watches()
	assert.Empty(t, watches.WokenBy("Cluster")(t.Context(), testenv.Cluster("default")))
	assert.Empty(t, wakersOf(testenv.Cluster("default")), "no other kind is indexed")
}

func namedConfig(name, cluster string, overrides ...func(*bootstrapv1.K0sWorkerConfig)) client.Object {
	config := &bootstrapv1.K0sWorkerConfig{ObjectMeta: metav1.ObjectMeta{
		Namespace: "default", Name: name, Labels: map[string]string{clusterv1.ClusterNameLabel: cluster},
	}}
	for _, override := range overrides {
		override(config)
	}
	return config
}

func from(secret, configMap string) func(*bootstrapv1.K0sWorkerConfig) {
	return func(config *bootstrapv1.K0sWorkerConfig) {
		config.Spec.Files = []bootstrapv1.File{
			{Path: "/a", ContentFrom: bootstrapv1.FileSource{SecretRef: bootstrapv1.KeyReference{Name: secret, Key: "k"}}},
			{Path: "/b", ContentFrom: bootstrapv1.FileSource{ConfigMapRef: bootstrapv1.KeyReference{Name: configMap, Key: "k"}}},
		}
	}
}

func machine(kind string) *clusterv1.Machine {
	return testenv.Machine("default", "some-machine", testenv.BootstrappedBy(kind, "plain"))
}
