// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// labels is what is applied to a Secret that somebody else has made.
func labels(live *corev1.Secret, value string) *corev1.Secret {
	wanted := &corev1.Secret{}
	wanted.Namespace, wanted.Name = live.Namespace, live.Name
	wanted.Labels = map[string]string{"wished": value}
	return wanted
}

func TestApplyTo(t *testing.T) {
	applier, writes := counted()
	secret := testenv.Secret(newCluster(t).Namespace, "existing", map[string]string{"k": "v"})
	env.Create(t, secret)
	assert.False(t, applier.HasApplied(secret))
	for _, value := range []string{"a", "a", "b"} {
		require.NoError(t, applier.ApplyTo(t.Context(), secret, labels(secret, value)))
	}
	assert.EqualValues(t, 2, writes.Load(), "no difference, no request")
	env.Get(t, secret)
	assert.True(t, applier.HasApplied(secret))
	assert.False(t, apply.New(env.Client, "another").HasApplied(secret))
	assert.Equal(t, "b", secret.Labels["wished"])
	assert.Equal(t, "v", string(secret.Data["k"]))
}

// TestApplyToMakesNothing: what was read may be gone, or another's, when it is written.
func TestApplyToMakesNothing(t *testing.T) {
	applier, _ := counted()
	secret := testenv.Secret(newCluster(t).Namespace, "fleeting", nil)
	env.Create(t, secret)
	require.NoError(t, applier.ApplyTo(t.Context(), secret, labels(secret, "a")))
	require.NoError(t, env.Client.Delete(t.Context(), secret))

	err := applier.ApplyTo(t.Context(), secret, labels(secret, "b"))
	assert.True(t, apierrors.IsConflict(err), "%v", err)
	missing := secret.DeepCopy()
	assert.True(t, apierrors.IsNotFound(env.Client.Get(t.Context(), client.ObjectKeyFromObject(missing), missing)))

	another := testenv.Secret(secret.Namespace, secret.Name, nil)
	env.Create(t, another)
	for _, value := range []string{"a", "b"} {
		require.ErrorContains(t, applier.ApplyTo(t.Context(), secret, labels(secret, value)), "metadata.uid")
	}
	env.Get(t, another)
	assert.NotContains(t, another.Labels, "wished")
}
