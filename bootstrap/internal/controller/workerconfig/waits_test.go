// SPDX-License-Identifier: Apache-2.0

package workerconfig_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// TestWaits has a case for everything a config can wait for: what the user reads, and that nothing is made meanwhile.
func TestWaits(t *testing.T) {
	t.Parallel()
	const (
		data         = bootstrapv1.DataSecretAvailableCondition
		certificates = bootstrapv1.CertificatesAvailableCondition
		joinable     = bootstrapv1.ControlPlaneJoinableCondition
	)
	for testName, test := range map[string]struct {
		world     func(w *world)
		condition string
		want      string
	}{
		"NoOwner": {
			func(w *world) { w.create(newConfig(w.namespace)) }, data,
			"False WaitingForMachine: waiting for a Machine to own this object: refer to it from Machine spec.bootstrap.configRef",
		},
		"MachinePool": {
			func(w *world) {
				pool := &clusterv1.MachinePool{ObjectMeta: metav1.ObjectMeta{Name: "pool", UID: "1"}}
				w.create(testenv.OwnedBy(newConfig(w.namespace), pool, clusterv1.GroupVersion.WithKind("MachinePool")))
			}, data,
			"False UnsupportedOwner: MachinePool pool owns this config, but only Machines can be served: use a MachineDeployment",
		},
		"NoCluster": {
			func(w *world) { w.worker() }, data,
			"False WaitingForCluster: waiting for Cluster tiger to exist",
		},
		"NoInfrastructure": {
			func(w *world) {
				w.create(testenv.Cluster(w.namespace))
				w.worker()
			}, data,
			"False WaitingForInfrastructure: waiting for the infrastructure of Cluster tiger to be provisioned",
		},
		"NoControlPlane": {
			func(w *world) {
				w.create(testenv.Cluster(w.namespace, func(cluster *clusterv1.Cluster) {
					cluster.Status.Initialization.InfrastructureProvisioned = new(true)
				}))
				w.worker()
			}, joinable,
			"False WaitingForControlPlane: waiting for the control plane of Cluster tiger to be initialized",
		},
		"NoCA": {
			func(w *world) {
				w.create(testenv.Cluster(w.namespace, testenv.Initialized("10.0.0.10", 6443)))
				w.worker()
			}, certificates,
			"False WaitingForControlPlane: waiting for secret tiger-ca to exist",
		},
		"BadCA": {
			func(w *world) {
				w.create(testenv.Cluster(w.namespace, testenv.Initialized("10.0.0.10", 6443)),
					testenv.Secret(w.namespace, "tiger-ca", map[string]string{"tls.crt": "nonsense"}))
				w.worker()
			}, certificates,
			"False InvalidJoinInfo: the CA of the control plane is no PEM certificate",
		},
		"JoinInfoFromTheFuture": {
			func(w *world) {
				w.create(testenv.Cluster(w.namespace, testenv.Initialized("10.0.0.10", 6443)))
				info := joinInfo(w.t, w.namespace)
				info.Data["version"] = []byte("2")
				w.create(info)
				w.worker()
			}, certificates,
			`False InvalidJoinInfo: secret tiger-k0s-join has schema version "2", this provider reads "1": upgrade the bootstrap provider`,
		},
		"VersionContradicts": {
			func(w *world) {
				w.ready(func(config *bootstrapv1.K0sWorkerConfig) { config.Spec.Version = "v1.35.7+k0s.0" })
			}, data,
			"False VersionInvalid: spec.version is v1.35.7+k0s.0, but spec.version of the Machine is v1.36.3: " +
				"remove spec.version, or name a build of v1.36.3",
		},
		"NoSource": {
			func(w *world) {
				w.ready(func(config *bootstrapv1.K0sWorkerConfig) {
					config.Spec.Files = []bootstrapv1.File{{Path: "/a", ContentFrom: bootstrapv1.FileSource{
						ConfigMapRef: bootstrapv1.KeyReference{Name: "settings", Key: "k"},
					}}}
				})
			}, data,
			"False FileSourceMissing: spec.files[/a].contentFrom: ConfigMap settings does not exist: create it in namespace ",
		},
		"AFileOfTheControlPlane": {
			func(w *world) {
				w.create(testenv.Cluster(w.namespace, testenv.Initialized("10.0.0.10", 6443)))
				info := joinInfo(w.t, w.namespace)
				info.Data["files"] = []byte(`[{"path":"/etc/haproxy.cfg","content":"x"}]`)
				w.create(info)
				w.worker(func(config *bootstrapv1.K0sWorkerConfig) {
					config.Spec.Files = []bootstrapv1.File{{Path: "/etc/haproxy.cfg", Content: new("y")}}
				})
			}, data,
			"False SpecInvalid: spec.files: /etc/haproxy.cfg is written by k0smotron or the control plane already, choose another path",
		},
		"NotConnected": {
			func(w *world) {
				w.clusters.Connected = nil
				w.ready()
			}, joinable,
			"False WorkloadClusterNotConnected: waiting for the connection to workload cluster tiger",
		},
		"SecretOfSomebodyElse": {
			func(w *world) {
				w.create(testenv.Secret(w.namespace, name, nil))
				w.ready()
			}, data,
			"False SecretNameTaken: Secret " + name + " exists, but does not belong to this config: delete it or give the Machine another name",
		},
		"TooLarge": {
			func(w *world) {
				half := strings.Repeat("x", 500<<10)
				w.create(&corev1.ConfigMap{
					ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "large"}, Data: map[string]string{"k": half},
				})
				w.ready(func(config *bootstrapv1.K0sWorkerConfig) {
					config.Spec.Files = []bootstrapv1.File{{Path: "/a", Content: &half}}
					for _, path := range []string{"/b", "/c"} {
						config.Spec.Files = append(config.Spec.Files, bootstrapv1.File{Path: path, ContentFrom: bootstrapv1.FileSource{
							ConfigMapRef: bootstrapv1.KeyReference{Name: "large", Key: "k"},
						}})
					}
				})
			}, data,
			" KiB, a Secret holds 1023 KiB: make spec.files smaller or let a command fetch them, " +
				"the largest is /a with 500 KiB",
		},
	} {
		t.Run(testName, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			test.world(w)
			_, err := w.reconcile()
			for range 3 {
				_, err = w.reconcile()
			}
			if !strings.Contains(test.want, "InvalidJoinInfo") { // an error is tried again, with growing delay
				require.NoError(t, err)
			}
			assert.Contains(t, w.condition(test.condition), test.want)
			assert.Contains(t, w.condition(bootstrapv1.ReadyCondition), "False", "Ready says the same")
			assert.Empty(t, w.config().Status.DataSecretName)
			assert.Nil(t, w.config().Status.Initialization.DataSecretCreated)
			assert.Empty(t, w.tokens(), "a token is made when everything else is known")

			before := w.versions()
			_, _ = w.reconcile()
			assert.Equal(t, before, w.versions(), "waiting writes nothing")
		})
	}
}

// TestNoTokenBeforeEverythingElseIsKnown holds because every token is a key to the cluster.
func TestNoTokenBeforeEverythingElseIsKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ready(func(config *bootstrapv1.K0sWorkerConfig) { config.Spec.Version = "v1.35.7+k0s.0" })
	for range 3 {
		_, err := w.reconcile()
		require.NoError(t, err)
	}
	assert.Nil(t, w.secret(jointoken.RecordName(name)))
	assert.Empty(t, w.tokens())
}

func TestPause(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(
		testenv.Cluster(w.namespace, testenv.Initialized("10.0.0.10", 6443), testenv.Paused),
		joinInfo(t, w.namespace),
	)
	w.worker()
	w.settle()
	assert.Equal(t, "True Paused: Cluster spec.paused is set to true", w.condition(bootstrapv1.PausedCondition))
	assert.Nil(t, w.secret(jointoken.RecordName(name)))

	cluster := w.cluster()
	cluster.Spec.Paused = new(false)
	require.NoError(t, env.Client.Update(t.Context(), cluster))
	w.settle()
	assert.Equal(t, "False NotPaused", w.condition(bootstrapv1.PausedCondition))
	assert.True(t, w.isReady())

	config := w.config()
	config.Annotations = map[string]string{clusterv1.PausedAnnotation: ""}
	require.NoError(t, env.Client.Update(t.Context(), config))
	w.settle()
	assert.Contains(t, w.condition(bootstrapv1.PausedCondition), "True Paused")
	assert.True(t, w.isReady(), "pausing takes nothing away")
}

// TestConditionsGoBack holds because what was true once may be no longer.
func TestConditionsGoBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ready()
	w.settle()
	require.True(t, w.isReady())

	w.clusters.Connected = nil
	w.settle()
	assert.Contains(t, w.condition(bootstrapv1.ControlPlaneJoinableCondition), "False WorkloadClusterNotConnected")
	assert.Equal(t, "True Available", w.condition(bootstrapv1.DataSecretAvailableCondition))
	assert.Equal(t, name, w.config().Status.DataSecretName, "what the Machine refers to stays")

	require.NoError(t, env.Client.Delete(t.Context(), w.secret(name)))
	w.settle()
	assert.Equal(
		t,
		"False DataSecretMissing: Secret "+name+" is gone, it is made again once the control plane can be joined",
		w.condition(bootstrapv1.DataSecretAvailableCondition),
	)

	w.clusters.Connected = w.workload
	w.settle()
	assert.True(t, w.isReady())
}

func TestALostTokenIsNotReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ready()
	w.settle()
	require.NoError(t, env.Client.Delete(t.Context(), w.secret(jointoken.RecordName(name))))
	w.settle()
	assert.Nil(t, w.secret(jointoken.RecordName(name)), "another token is of no use to the machine")
	assert.Contains(t, w.condition(bootstrapv1.ControlPlaneJoinableCondition), "False TokenLost")
	assert.Contains(t, w.condition(bootstrapv1.ControlPlaneJoinableCondition), "delete the Machine")
}

func TestForeignControlPlane(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(testenv.Cluster(w.namespace, testenv.Initialized("10.0.0.99", 443)),
		testenv.Secret(w.namespace, "tiger-ca", map[string]string{"tls.crt": string(ca(t))}))
	w.worker()
	w.settle()
	assert.True(t, w.isReady())
	assert.Equal(t, "https://10.0.0.99:443", w.joinToken().URL)
}
