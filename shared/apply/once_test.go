// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/apply"
)

func configMap(ns, name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: meta(ns, name), Data: map[string]string{"a": "1"}}
}

func exists(t *testing.T, object client.Object) bool {
	t.Helper()
	err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(object), object)
	if !apierrors.IsNotFound(err) {
		require.NoError(t, err)
	}
	return err == nil
}

func TestCreateNeverOverwrites(t *testing.T) {
	ns := env.Namespace(t)
	parent := owner(t, ns)
	applier, _ := counted()
	ca := &corev1.Secret{ObjectMeta: meta(ns, "ca"), Data: map[string][]byte{"tls.crt": []byte("first")}}
	require.NoError(t, applier.Create(t.Context(), parent, ca))
	assert.NotEmpty(t, ca.UID)
	assert.True(t, metav1.IsControlledBy(ca, parent))
	assert.NotContains(t, ca.Annotations, apply.Annotation(fieldOwner), "what is created once is never pruned")

	second := &corev1.Secret{ObjectMeta: meta(ns, "ca"), Data: map[string][]byte{"tls.crt": []byte("second")}}
	err := applier.Create(t.Context(), parent, second)

	require.ErrorIs(t, err, apply.ErrExists)
	require.True(t, exists(t, ca))
	assert.Equal(t, "first", string(ca.Data["tls.crt"]))
}

func TestCreatePassesOtherErrorsOn(t *testing.T) {
	applier, _ := counted()
	err := applier.Create(t.Context(), nil, configMap("no-such-namespace", "c"))
	require.Error(t, err)
	require.NotErrorIs(t, err, apply.ErrExists)
	assert.True(t, apierrors.IsNotFound(err))
}

func TestDelete(t *testing.T) {
	ns := env.Namespace(t)
	applier, writes := counted()
	config := configMap(ns, "c")
	env.Create(t, config)

	replaced := config.DeepCopy()
	replaced.UID = "another"
	err := applier.Delete(t.Context(), replaced)
	require.True(t, apierrors.IsConflict(err), "an object of the same name with another UID is left alone: %v", err)
	require.True(t, exists(t, config))

	require.NoError(t, applier.Delete(t.Context(), config))
	require.False(t, exists(t, config.DeepCopy()))
	require.NoError(t, applier.Delete(t.Context(), config), "gone is fine")

	sent := writes.Load()
	leaving := configMap(ns, "leaving")
	leaving.DeletionTimestamp = new(metav1.Now())
	require.NoError(t, applier.Delete(t.Context(), leaving))
	require.NoError(t, applier.Delete(t.Context(), nil))
	assert.Equal(t, sent, writes.Load(), "what is leaving already costs no request")
}

func TestPruneDeletesOnlyWhatIsOurs(t *testing.T) {
	ns := env.Namespace(t)
	parent := owner(t, ns)
	applier, writes := counted()
	keep, drop, dropService := configMap(ns, "keep"), configMap(ns, "drop"), service(ns)
	require.NoError(t, applier.Apply(t.Context(), parent, keep, drop, dropService))
	once := configMap(ns, "once")
	require.NoError(t, applier.Create(t.Context(), parent, once))
	ownerless := configMap(ns, "ownerless")
	require.NoError(t, applier.Apply(t.Context(), nil, ownerless))
	others := configMap(ns, "others")
	require.NoError(t, apply.New(env.Client, "other").Apply(t.Context(), parent, others))
	users := configMap(ns, "users")
	env.Create(t, users)
	sent := writes.Load()

	prune := func() error {
		return applier.Prune(t.Context(), parent, []client.Object{keep, (*corev1.Service)(nil)},
			&corev1.ConfigMapList{}, &corev1.ServiceList{})
	}
	require.NoError(t, prune())

	assert.True(t, exists(t, keep))
	assert.False(t, exists(t, drop))
	assert.False(t, exists(t, dropService))
	assert.True(t, exists(t, once), "created once, never pruned")
	assert.True(t, exists(t, ownerless))
	assert.True(t, exists(t, others), "another field owner's")
	assert.True(t, exists(t, users))
	assert.Equal(t, sent+2, writes.Load())

	require.NoError(t, prune())
	assert.Equal(t, sent+2, writes.Load(), "nothing left to prune: no request")
}
