// SPDX-License-Identifier: Apache-2.0

package workerconfig_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/jointoken"
)

// restored is a world in which the config has been made anew, as a restore from a backup and a user both do: its Secret
// still names the config of before. Machine and Node are as they were.
func restored(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.ready()
	w.settle()
	w.join()
	w.settle()
	before := w.config()
	require.NoError(t, env.Client.Delete(t.Context(), before))
	after := newConfig(w.namespace)
	after.OwnerReferences = before.OwnerReferences
	w.create(after)
	require.NotEqual(t, before.UID, w.config().UID)
	return w
}

// machineUses lets core tell the Machine where its bootstrap data is.
func (w *world) machineUses(secret string) {
	w.t.Helper()
	machine := w.machine()
	machine.Spec.Bootstrap.DataSecretName = &secret
	require.NoError(w.t, env.Client.Update(w.t.Context(), machine))
}

// TestARestoredDataSecretIsAdopted holds because Kubernetes deletes what belongs to an object that is gone, and because
// a Machine that has long joined must not become unready.
func TestARestoredDataSecretIsAdopted(t *testing.T) {
	t.Parallel()
	w := restored(t)
	w.machineUses(name)
	data := w.secret(name).Data
	w.settle()

	owner := metav1.GetControllerOf(w.secret(name))
	require.NotNil(t, owner)
	assert.Equal(t, w.config().UID, owner.UID)
	assert.Len(t, w.secret(name).OwnerReferences, 1, "the config of before is no owner any more")
	assert.Equal(t, data, w.secret(name).Data)
	assert.Equal(t, name, w.config().Status.DataSecretName)
	assert.True(t, w.isReady())
}

// TestTheDataSecretFollowsTheVersionOfTheAPI: Cluster API expects references to name the version in use.
func TestTheDataSecretFollowsTheVersionOfTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ready()
	w.settle()
	secret := w.secret(name)
	want := secret.OwnerReferences
	secret.OwnerReferences = slices.Clone(want)
	secret.OwnerReferences[0].APIVersion = "bootstrap.cluster.x-k8s.io/v1alpha1"
	require.NoError(t, env.Client.Update(t.Context(), secret))
	w.settle()
	assert.Equal(t, want, w.secret(name).OwnerReferences)
	assert.True(t, w.isReady())
}

// TestAFormerConfigsDataSecretIsNotUsed holds because its token is worthless: the Machine is as new as the config.
func TestAFormerConfigsDataSecretIsNotUsed(t *testing.T) {
	t.Parallel()
	w := restored(t)
	w.settle()
	assert.Contains(t, w.condition(bootstrapv1.DataSecretAvailableCondition), "False SecretNameTaken")
	assert.Empty(t, w.config().Status.DataSecretName)
}

func TestADataSecretOfAnotherKindIsNotAdopted(t *testing.T) {
	t.Parallel()
	w := restored(t)
	w.machineUses(name)
	secret := w.secret(name)
	secret.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: bootstrapv1.GroupVersion.String(), Kind: "KubeadmConfig", Name: name, UID: "1", Controller: new(true),
	}}
	require.NoError(t, env.Client.Update(t.Context(), secret))
	w.settle()
	assert.Contains(t, w.condition(bootstrapv1.DataSecretAvailableCondition), "False SecretNameTaken")
	assert.Equal(t, "KubeadmConfig/"+name, controller(w.secret(name)))
}

// TestAJoinedMachineNeedsNoDataSecret: it may be deleted, and the status be lost as well.
func TestAJoinedMachineNeedsNoDataSecret(t *testing.T) {
	t.Parallel()
	w := restored(t)
	w.machineUses(name)
	require.NoError(t, env.Client.Delete(t.Context(), w.secret(name)))
	w.settle()
	assert.Equal(t, name, w.config().Status.DataSecretName, "as the Machine says")
	assert.True(t, *w.config().Status.Initialization.DataSecretCreated)
	assert.Nil(t, w.secret(name))
	assert.True(t, w.isReady())
}

// TestOtherManagersConfigs holds because a Machine, a Cluster or a Secret wakes every config, whoever serves it.
func TestOtherManagersConfigs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reconciler.WatchFilter = "mine"
	w.ready()
	w.settle()
	assert.Empty(t, w.config().Status.Conditions)
	assert.Nil(t, w.secret(jointoken.RecordName(name)))

	config := w.config()
	config.Labels[clusterv1.WatchLabel] = "mine"
	require.NoError(t, env.Client.Update(t.Context(), config))
	w.settle()
	assert.True(t, w.isReady())
}
