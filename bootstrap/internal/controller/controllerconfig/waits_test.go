// SPDX-License-Identifier: Apache-2.0

package controllerconfig_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

const (
	data             = bootstrapv1.DataSecretAvailableCondition
	certificatesType = bootstrapv1.CertificatesAvailableCondition
	joinable         = bootstrapv1.ControlPlaneJoinableCondition
)

// TestWaits has a case for everything a config can wait for: what the user reads, and that nothing is made meanwhile.
func TestWaits(t *testing.T) {
	t.Parallel()
	for testName, test := range map[string]struct {
		world     func(w *world)
		condition string
		want      string
	}{
		"NoOwner": {
			func(w *world) { w.create(newConfig(w.namespace, name)) }, data,
			"False WaitingForMachine: waiting for a Machine to own this object: refer to it from Machine spec.bootstrap.configRef",
		},
		"NoCluster": {
			func(w *world) { w.controller(name) }, data, "False WaitingForCluster: waiting for Cluster tiger to exist",
		},
		"NoInfrastructure": {
			func(w *world) {
				w.create(testenv.Cluster(w.namespace))
				w.controller(name)
			}, data,
			"False WaitingForInfrastructure: waiting for the infrastructure of Cluster tiger to be provisioned",
		},
		"NoEndpoint": {
			func(w *world) {
				w.create(testenv.Cluster(w.namespace, beginning, func(cluster *clusterv1.Cluster) {
					cluster.Spec.ControlPlaneEndpoint = clusterv1.APIEndpoint{}
				}))
				w.controller(name)
			}, joinable,
			"False WaitingForInfrastructure: waiting for spec.controlPlaneEndpoint of Cluster tiger",
		},
		"NoCertificates": {
			func(w *world) {
				w.create(testenv.Cluster(w.namespace, beginning))
				w.controller(name)
			}, certificatesType,
			"False WaitingForControlPlane: waiting for Secret tiger-ca, which the control-plane provider makes before the first controller",
		},
		"OneCertificateMissing": {
			func(w *world) {
				w.first()
				require.NoError(w.t, env.Client.Delete(w.t.Context(), w.secret("tiger-sa")))
			}, certificatesType,
			"False WaitingForControlPlane: waiting for Secret tiger-sa",
		},
		"BadCertificate": {
			func(w *world) {
				w.first()
				ca := w.secret("tiger-etcd")
				ca.Data[pki.CertKey] = []byte("nonsense")
				require.NoError(w.t, env.Client.Update(w.t.Context(), ca))
			}, certificatesType,
			"False CertificatesInvalid: secret tiger-etcd: key tls.crt",
		},
		"VersionContradicts": {
			func(w *world) {
				w.first(func(config *bootstrapv1.K0sControllerConfig) { config.Spec.Version = "v1.35.7+k0s.0" })
			}, data,
			"False VersionInvalid: spec.version is v1.35.7+k0s.0, but spec.version of the Machine is v1.36.3",
		},
		"BadConfig": {
			func(w *world) { w.first(k0s(`{"spec":{"storage":{"etcd":{"extraArgs":{"name":"mine"}}}}}`)) }, data,
			`False SpecInvalid: spec.k0s: spec.storage.etcd.extraArgs.name: "mine" contradicts "tiger-x7k2p"`,
		},
		"StateOnOneMachine": {
			func(w *world) { w.first(k0s(`{"spec":{"storage":{"type":"kine"}}}`)) }, data,
			"False SpecInvalid: spec.k0s: spec.storage.kine.dataSource: is not set, so kine uses SQLite",
		},
		"NoSource": {
			func(w *world) {
				w.first(func(config *bootstrapv1.K0sControllerConfig) {
					config.Spec.Files = []bootstrapv1.File{{Path: "/a", ContentFrom: bootstrapv1.FileSource{
						ConfigMapRef: bootstrapv1.KeyReference{Name: "settings", Key: "k"},
					}}}
				})
			}, data,
			"False FileSourceMissing: spec.files[/a].contentFrom: ConfigMap settings does not exist",
		},
		"NothingToJoin": {
			func(w *world) { w.first(joins) }, joinable,
			"False WaitingForControlPlane: waiting for the control plane of Cluster tiger to be initialized",
		},
		"NoOtherController": {
			func(w *world) {
				w.joining()
				require.NoError(w.t, env.Client.Delete(w.t.Context(), w.machine("tiger-a")))
			}, joinable,
			"False WaitingForHealthyController: waiting for a healthy controller to join: the Cluster has no other Machine of a controller",
		},
		"NoHealthyController": {
			func(w *world) {
				w.joining()
				w.changeMachine("tiger-a", func(machine *clusterv1.Machine) {
					conditions.Unknown(machine, contract.EtcdMemberHealthyCondition, "Test", "")
					conditions.False(machine, contract.APIServerHealthyCondition, "Test", "")
				})
				w.create(member(w.namespace, "tiger-b"))
			}, joinable,
			"False WaitingForHealthyController: waiting for a healthy controller to join: " +
				"Machine tiger-a has APIServerHealthy=False, EtcdMemberHealthy=Unknown; " +
				"Machine tiger-b has APIServerHealthy=Unknown, K0sControllerHealthy=Unknown, EtcdMemberHealthy=Unknown",
		},
		"NotConnected": {
			func(w *world) {
				w.clusters.Connected = nil
				w.joining()
			}, joinable,
			"False WorkloadClusterNotConnected: waiting for the connection to workload cluster tiger",
		},
		"SecretOfSomebodyElse": {
			func(w *world) {
				w.create(testenv.Secret(w.namespace, name, nil))
				w.first()
			}, data,
			"False SecretNameTaken: Secret " + name + " exists, but does not belong to this config",
		},
		"Initialized": {
			func(w *world) {
				w.first()
				w.initialize()
			}, joinable,
			"False AlreadyInitialized: the control plane of Cluster tiger has been initialized before",
		},
		"DataOfTheFirstLost": {
			func(w *world) {
				w.first()
				machine := w.machine(name)
				machine.Spec.Bootstrap.DataSecretName = new(name)
				require.NoError(w.t, env.Client.Update(w.t.Context(), machine))
			}, data,
			"False DataSecretMissing: Secret " + name + " is gone, and the bootstrap data of a first controller is not made again",
		},
	} {
		t.Run(testName, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			test.world(w)
			for range 3 {
				_, err := w.reconcile(name)
				if testName != "BadCertificate" { // an error is tried again, with growing delay
					require.NoError(t, err)
				}
			}
			assert.Contains(t, w.condition(test.condition), test.want)
			assert.Contains(t, w.condition(bootstrapv1.ReadyCondition), "False", "Ready says the same")
			assert.Empty(t, w.config(name).Status.DataSecretName)
			assert.Empty(t, w.tokens(), "a token is made when everything else is known")
			if testName != "SecretOfSomebodyElse" {
				assert.Nil(t, w.lock(), "the lock is taken when everything else is known")
				assert.Nil(t, w.secret(name))
			}

			before := w.versions()
			_, _ = w.reconcile(name)
			assert.Equal(t, before, w.versions(), "waiting writes nothing")
		})
	}
}

// TestAVersionIsNeeded even where k0s is part of the machine image: the configuration is written for it.
func TestAVersionIsNeeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first(func(config *bootstrapv1.K0sControllerConfig) { config.Spec.PreInstalledK0s = new(true) })
	machine := w.machine(name)
	machine.Spec.Version = ""
	require.NoError(t, env.Client.Update(t.Context(), machine))
	w.settle()
	assert.Contains(t, w.condition(data), "False VersionInvalid: no k0s version is given: set spec.version")
}

func TestPause(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first(func(config *bootstrapv1.K0sControllerConfig) {
		config.Annotations = map[string]string{clusterv1.PausedAnnotation: ""}
	})
	w.settle()
	assert.Contains(t, w.condition(bootstrapv1.PausedCondition), "True Paused")
	assert.Nil(t, w.lock())

	config := w.config(name)
	config.Annotations = nil
	require.NoError(t, env.Client.Update(t.Context(), config))
	w.settle()
	assert.True(t, w.isReady())
}

func TestOtherManagersConfigs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reconciler.WatchFilter = "mine"
	w.first()
	w.settle()
	assert.Empty(t, w.config(name).Status.Conditions)
	assert.Nil(t, w.lock())
}

// TestADeletedConfigIsLeftAlone, and so is one that is gone.
func TestADeletedConfigIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.reconcile(name)
	require.NoError(t, err)

	w.first(func(config *bootstrapv1.K0sControllerConfig) { config.Finalizers = []string{"test.example.com/hold"} })
	require.NoError(t, env.Client.Delete(t.Context(), w.config(name)))
	w.settle()
	assert.Nil(t, w.secret(name))
	assert.Nil(t, w.lock())
}

// TestConditionsGoBack holds because what was true once may be no longer.
func TestConditionsGoBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.joining()
	w.settle()
	require.True(t, w.isReady())

	w.clusters.Connected = nil
	w.settle()
	assert.Contains(t, w.condition(joinable), "False WorkloadClusterNotConnected")
	assert.Equal(t, "True Available", w.condition(data))

	w.clusters.Connected = w.workload
	ca := w.secret("tiger-ca")
	require.NoError(t, env.Client.Delete(t.Context(), ca))
	w.settle()
	assert.Contains(t, w.condition(certificatesType), "False WaitingForControlPlane")

	ca.ResourceVersion, ca.UID = "", ""
	w.create(client.Object(ca))
	w.settle()
	assert.True(t, w.isReady())
}
