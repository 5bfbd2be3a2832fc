// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/shared/testenv"
)

// managersRole is the role that the release installs.
func managersRole(t *testing.T) *rbacv1.ClusterRole {
	t.Helper()
	text, err := os.ReadFile("../../../config/rbac/role.yaml")
	require.NoError(t, err)
	role := &rbacv1.ClusterRole{}
	require.NoError(t, yaml.UnmarshalStrict(text, role))
	return role
}

// asManager is the access of the manager's ServiceAccount, with the rights that the release gives it and no others.
func asManager(t *testing.T) *rest.Config {
	t.Helper()
	role := managersRole(t)
	role.Name = "rights-" + env.Namespace(t)
	env.Create(t, role, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: role.Name}},
	})
	return as(role.Name)
}

// as is the access of a user who has no rights but those that are bound to the name.
func as(user string) *rest.Config {
	config := rest.CopyConfig(env.Config)
	config.Impersonate.UserName = user
	return config
}

func clientAs(t *testing.T, config *rest.Config) client.WithWatch {
	t.Helper()
	c, err := client.NewWithWatch(config, client.Options{Scheme: env.Scheme})
	require.NoError(t, err)
	return c
}

// TestRights: with the rights of the release, and no others, a control plane comes up, changes, and goes.
func TestRights(t *testing.T) {
	t.Parallel()
	w := newWorld(t, replicas(3))
	env.Create(t, testenv.InfraMachineTemplate(w.namespace, "large", map[string]any{"size": "l"}))
	w.reconciler = w.newReconciler(clientAs(t, asManager(t)))
	w.settled()
	w.change(otherTemplate)
	w.settled()
	w.change(replicas(1))
	w.settled()
	worker := testenv.Machine(w.namespace, "worker")
	env.Create(t, worker)
	require.NoError(t, env.Client.Delete(t.Context(), w.controlPlane))
	w.step()
	require.NoError(t, env.Client.Delete(t.Context(), worker))
	w.endsNow()
}

// TestNoOtherRights: what a control plane provider could be abused for is not among the rights.
func TestNoOtherRights(t *testing.T) {
	t.Parallel()
	forbidden := map[string]bool{
		"pods/exec": true, "clusterroles": true, "serviceaccounts": true, "secrets/*": true, "configmaps": true,
	}
	for _, rule := range managersRole(t).Rules {
		for _, resource := range rule.Resources {
			assert.False(t, forbidden[resource], "%v", rule)
			if resource == "*" {
				assert.Equal(t, []string{"infrastructure.cluster.x-k8s.io"}, rule.APIGroups,
					"only the kinds of infrastructure are not known")
			}
		}
		assert.NotContains(t, rule.Verbs, "*")
		assert.NotContains(t, rule.Verbs, "deletecollection")
		assert.NotContains(t, rule.APIGroups, "*")
	}
}

// TestMissingRights: a right that is missing is told, with what could not be done.
func TestMissingRights(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reconciler = w.newReconciler(clientAs(t, as("nobody")))
	_, err := w.tryReconcile()
	require.Error(t, err)
	assert.True(t, apierrors.IsForbidden(err), "%v", err)
	assert.Empty(t, w.machines())
}
