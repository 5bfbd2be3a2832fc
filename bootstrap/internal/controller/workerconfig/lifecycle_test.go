// SPDX-License-Identifier: Apache-2.0

package workerconfig_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

func TestBootstrapDataIsMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ready(func(config *bootstrapv1.K0sWorkerConfig) {
		config.Spec.SecretMetadata = bootstrapv1.SecretMetadata{
			Labels:      map[string]bootstrapv1.LabelValue{"team": "blue"},
			Annotations: map[string]bootstrapv1.AnnotationValue{"note": "hello"},
		}
	})
	w.settle()

	config := w.config()
	assert.Equal(t, name, config.Status.DataSecretName)
	assert.True(t, *config.Status.Initialization.DataSecretCreated)
	assert.Equal(t, config.Generation, config.Status.ObservedGeneration)
	assert.Equal(t, "True Ready", w.condition(bootstrapv1.ReadyCondition))
	assert.Equal(t, "True Available", w.condition(bootstrapv1.DataSecretAvailableCondition))
	assert.Equal(t, "True Available", w.condition(bootstrapv1.CertificatesAvailableCondition))
	assert.Equal(t, "True Joinable", w.condition(bootstrapv1.ControlPlaneJoinableCondition))
	assert.Equal(t, "False NotPaused", w.condition(bootstrapv1.PausedCondition))

	secret := w.secret(name)
	require.NotNil(t, secret)
	assert.Equal(t, clusterv1.ClusterSecretType, secret.Type)
	assert.Equal(t, map[string]string{clusterv1.ClusterNameLabel: testenv.ClusterName, "team": "blue"}, secret.Labels)
	assert.Equal(t, "hello", secret.Annotations["note"])
	assert.Equal(t, "cloud-config", string(secret.Data["format"]))
	assert.Equal(t, "K0sWorkerConfig/"+name, controller(secret))
	assert.Contains(t, w.file("/etc/k0smotron/parameters"), "v1.36.3%2Bk0s.0", "the version is that of the Machine")
	assert.Contains(t, w.file("/etc/k0smotron/k0s-arguments"), "k0smotron.io/machine-name="+name)
}

func TestTheMachineGetsTheRecordedToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ready()
	w.settle()

	join := w.joinToken()
	assert.Equal(t, jointoken.Worker, join.Role)
	assert.Equal(t, "https://10.0.0.10:6443", join.URL)
	record := w.secret(jointoken.RecordName(name))
	require.NotNil(t, record)
	assert.Equal(t, join.Token.ID, string(record.Data["token-id"]))
	assert.Equal(t, "K0sWorkerConfig/"+name, controller(record))

	tokens := w.tokens()
	require.Len(t, tokens, 1)
	assert.Equal(t, join.Token.SecretName(), tokens[0].Name)
	assert.Equal(t, join.Token.Secret, string(tokens[0].Data["token-secret"]))
}

// TestTheTokenIsRecordedBeforeItIsUsed holds because a pass that is cut off must find what it has begun.
func TestTheTokenIsRecordedBeforeItIsUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ready()
	_, err := w.reconcile()
	require.NoError(t, err)
	assert.NotNil(t, w.secret(jointoken.RecordName(name)))
	assert.Empty(t, w.tokens(), "the pass ends with the record")
	assert.Nil(t, w.secret(name))
}

func TestIdle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ready()
	result := w.settle()
	assert.Equal(t, jointoken.DefaultTTL/2, result.RequeueAfter, "looked at again before the token expires")
	before := w.versions()
	for range 3 {
		_, err := w.reconcile()
		require.NoError(t, err)
	}
	assert.Equal(t, before, w.versions(), "nothing may be written")

	w.join()
	result = w.settle()
	assert.Zero(t, result, "nothing is left to do once the node has joined")
	before = w.versions()
	_, err := w.reconcile()
	require.NoError(t, err)
	assert.Equal(t, before, w.versions())
}

func TestTheTokenIsExtendedUntilTheMachineHasJoined(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ready()
	w.settle()
	data := w.secret(name)
	for range 5 {
		w.clock.Step(8 * time.Minute)
		w.settle()
		tokens := w.tokens()
		require.Len(t, tokens, 1)
		expires, err := time.Parse(time.RFC3339, string(tokens[0].Data["expiration"]))
		require.NoError(t, err)
		assert.WithinDuration(t, w.clock.Now().Add(jointoken.DefaultTTL), expires, time.Second)
	}
	assert.Equal(t, data.ResourceVersion, w.secret(name).ResourceVersion, "the bootstrap data stays")
}

// TestAnExpiredTokenComesBack holds because the machine has no other: its cleaner may be faster than we are.
func TestAnExpiredTokenComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ready()
	w.settle()
	token := w.joinToken().Token
	require.NoError(t, w.workload.Delete(t.Context(), &w.tokens()[0]))
	w.clock.Step(time.Hour)

	w.settle()
	require.Len(t, w.tokens(), 1)
	assert.Equal(t, token.SecretName(), w.tokens()[0].Name)
	assert.Equal(t, token.Secret, string(w.tokens()[0].Data["token-secret"]))
}

func TestTheTokenIsRevokedOnceTheMachineHasJoined(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ready()
	w.settle()
	w.join()
	w.settle()
	assert.Empty(t, w.tokens())
	assert.Nil(t, w.secret(jointoken.RecordName(name)))
	assert.NotNil(t, w.secret(name), "the bootstrap data belongs to the Machine as long as it lives")
	for _, condition := range []string{
		bootstrapv1.DataSecretAvailableCondition, bootstrapv1.CertificatesAvailableCondition,
		bootstrapv1.ControlPlaneJoinableCondition,
	} {
		assert.Equal(t, "True Joined", w.condition(condition))
	}
	assert.True(t, w.isReady())
}

func TestTheTokenIsRevokedWhenTheMachineIsDeletedBeforeItJoins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ready()
	w.settle()
	machine := w.machine()
	machine.Finalizers = []string{"test.example.com/hold"}
	require.NoError(t, env.Client.Update(t.Context(), machine))
	require.NoError(t, env.Client.Delete(t.Context(), machine))

	w.settle()
	assert.Empty(t, w.tokens())
	assert.Nil(t, w.secret(jointoken.RecordName(name)), "no new token is made either")
}

// TestRevocationIsBestEffort holds because a workload cluster may be gone for good: the token expires by itself.
func TestRevocationIsBestEffort(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ready()
	w.settle()
	w.clusters.Connected = nil
	w.join()
	result := w.settle()
	assert.NotZero(t, result.RequeueAfter, "it is tried again")
	assert.True(t, w.isReady(), "the node has joined all the same")

	w.clock.Step(time.Hour)
	assert.Zero(t, w.settle(), "the token has expired")

	w.clusters.Connected = w.workload
	w.settle()
	assert.Empty(t, w.tokens(), "a connection that comes back is used")
}

// TestBootstrapDataIsNeverMadeAgain holds because the Machine may have booted with it.
func TestBootstrapDataIsNeverMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ready()
	w.settle()
	before := w.secret(name)

	config := w.config()
	config.Spec.PreK0sCommands = []string{"echo new"}
	config.Spec.Version = "v1.35.0" // contradicts the Machine, but nobody asks any more
	require.NoError(t, env.Client.Update(t.Context(), config))
	w.settle()
	assert.Equal(t, before.ResourceVersion, w.secret(name).ResourceVersion)
	assert.True(t, w.isReady())
	assert.Equal(t, w.config().Generation, w.config().Status.ObservedGeneration)
}

// TestALostStatusIsFoundAgain holds because clusterctl move does not carry status over.
func TestALostStatusIsFoundAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ready()
	w.settle()
	before, data := w.config().Status, w.secret(name)

	config := w.config()
	config.Status = bootstrapv1.ConfigStatus{}
	require.NoError(t, env.Client.Status().Update(t.Context(), config))
	w.settle()
	after := w.config().Status
	assert.Equal(t, before.DataSecretName, after.DataSecretName)
	assert.Equal(t, before.Initialization, after.Initialization)
	assert.Equal(t, data.ResourceVersion, w.secret(name).ResourceVersion)
	assert.Len(t, w.tokens(), 1)
}

func TestADeletedDataSecretIsMadeAgainWithTheSameToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ready()
	w.settle()
	token := w.joinToken().Token
	require.NoError(t, env.Client.Delete(t.Context(), w.secret(name)))
	w.settle()
	assert.Equal(t, token, w.joinToken().Token)
	assert.Len(t, w.tokens(), 1)
}

func TestADeletedConfigIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ready(func(config *bootstrapv1.K0sWorkerConfig) { config.Finalizers = []string{"test.example.com/hold"} })
	require.NoError(t, env.Client.Delete(t.Context(), w.config()))
	w.settle()
	assert.Nil(t, w.secret(name))
	assert.Nil(t, w.secret(jointoken.RecordName(name)))
	assert.Empty(t, w.config().Status.Conditions)
}

func TestAConfigThatIsGoneIsNoError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	result, err := w.reconcile()
	require.NoError(t, err)
	assert.Zero(t, result)
}

func TestFilesComeFromSecretsAndConfigMaps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	unlabelled := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.namespace,
			Name:      "credentials",
		},
		Data: map[string][]byte{"k": []byte("geheim")},
	}
	w.create(unlabelled)
	w.ready(func(config *bootstrapv1.K0sWorkerConfig) {
		config.Spec.Files = []bootstrapv1.File{{
			Path: "/etc/secret", ContentFrom: bootstrapv1.FileSource{
				SecretRef: bootstrapv1.KeyReference{Name: "credentials", Key: "k"},
			},
		}}
	})
	w.settle()
	assert.Equal(t, "geheim", w.file("/etc/secret"))
}
