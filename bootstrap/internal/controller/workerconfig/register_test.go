// SPDX-License-Identifier: Apache-2.0

package workerconfig

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// TestEventsWakeTheRightConfigs holds because nothing is polled: a config that is not woken waits for ever.
func TestEventsWakeTheRightConfigs(t *testing.T) {
	t.Parallel()
	builder := fake.NewClientBuilder().WithScheme(testenv.MustScheme(bootstrapv1.AddToScheme)).
		WithIndex(&bootstrapv1.K0sWorkerConfig{}, wakers, wakersOf)
	r := &Reconciler{Client: builder.WithObjects(
		namedConfig("plain", "tiger"),
		namedConfig("other-cluster", "lion"),
		namedConfig("done", "tiger", from("source", "settings"), func(config *bootstrapv1.K0sWorkerConfig) {
			config.Status.DataSecretName = "done"
		}),
		namedConfig("with-files", "lion", from("source", "settings")),
	).Build()}
	configMap := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "settings"}}
	elsewhere := testenv.Secret("elsewhere", "source", nil)

	bear := testenv.Cluster("default", func(cluster *clusterv1.Cluster) { cluster.Name = "bear" })

	wokenBy := func(kind string, object client.Object) []ctrl.Request {
		return r.configsWokenBy(kind)(t.Context(), object)
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
		"Machine":              {configOfMachine(ctx, machine("K0sWorkerConfig")), []string{"plain"}},
		"MachineOfSomebody":    {configOfMachine(ctx, machine("KubeadmConfig")), nil},
		"SomethingElseAtAll":   {configOfMachine(ctx, configMap), nil},
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
	r := &Reconciler{Client: fake.NewClientBuilder().WithScheme(testenv.MustScheme(bootstrapv1.AddToScheme)).Build()}
	assert.Empty(t, r.configsWokenBy("Cluster")(t.Context(), testenv.Cluster("default")))
	assert.Empty(t, wakersOf(testenv.Cluster("default")), "no other kind is indexed")
}

func TestClusterMoved(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*clusterv1.Cluster)
		want   bool
	}{
		"Paused":      {testenv.Paused, true},
		"Initialized": {testenv.Initialized("10.0.0.1", 6443), true},
		"Endpoint": {func(cluster *clusterv1.Cluster) {
			cluster.Spec.ControlPlaneEndpoint = clusterv1.APIEndpoint{Host: "a", Port: 1}
		}, true},
		"Heartbeat": {func(cluster *clusterv1.Cluster) { cluster.Status.Phase = "Provisioned" }, false},
	} {
		moved := clusterMoved().Update(event.UpdateEvent{
			ObjectOld: testenv.Cluster("default"), ObjectNew: testenv.Cluster("default", test.change),
		})
		assert.Equal(t, test.want, moved, name)
	}
}

func TestMetadataChanged(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*bootstrapv1.K0sWorkerConfig)
		want   bool
	}{
		"Paused": {func(config *bootstrapv1.K0sWorkerConfig) {
			config.Annotations = map[string]string{clusterv1.PausedAnnotation: ""}
		}, true},
		"Owner": {func(config *bootstrapv1.K0sWorkerConfig) {
			config.OwnerReferences = []metav1.OwnerReference{{Kind: "Machine"}}
		}, true},
		"OwnerRestored": {func(config *bootstrapv1.K0sWorkerConfig) { config.OwnerReferences[0].UID = "new" }, true},
		"Labels":        {func(config *bootstrapv1.K0sWorkerConfig) { config.Labels[clusterv1.WatchLabel] = "mine" }, true},
		"Annotation": {func(config *bootstrapv1.K0sWorkerConfig) {
			config.Annotations = map[string]string{"example.org/note": ""}
		}, false},
		"Status": {func(config *bootstrapv1.K0sWorkerConfig) { config.Status.DataSecretName = "x" }, false},
	} {
		before := namedConfig("a", "tiger", func(config *bootstrapv1.K0sWorkerConfig) {
			config.OwnerReferences = []metav1.OwnerReference{{Kind: "MachineSet", UID: "1"}}
		})
		after, ok := before.DeepCopyObject().(*bootstrapv1.K0sWorkerConfig)
		require.True(t, ok)
		test.change(after)
		assert.Equal(t, test.want, metadataChanged().Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}), name)
	}
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
