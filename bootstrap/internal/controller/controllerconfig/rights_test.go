// SPDX-License-Identifier: Apache-2.0

package controllerconfig_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// asManager is a client with the rights that the release gives the manager, and no others.
func asManager(t *testing.T) client.Client {
	t.Helper()
	text, err := os.ReadFile("../../../config/rbac/role.yaml")
	require.NoError(t, err)
	role := &rbacv1.ClusterRole{}
	require.NoError(t, yaml.UnmarshalStrict(text, role))
	role.Name = "rights-" + env.Namespace(t)
	env.Create(t, role, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: role.Name}},
	})
	config := rest.CopyConfig(env.Config)
	config.Impersonate.UserName = role.Name
	c, err := client.New(config, client.Options{Scheme: env.Scheme})
	require.NoError(t, err)
	return c
}

// TestRights: with the rights of the release, and no others, controllers get their data, the lock finds its owner and
// changes hands, and a token comes and goes.
func TestRights(t *testing.T) {
	t.Parallel()
	manager := asManager(t)
	first := newWorld(t)
	first.reconciler = newReconciler(manager, manager, first.clusters, first.clock)
	first.first()
	first.settle()
	assert.True(t, first.isReady())
	orphan := first.lock()
	orphan.OwnerReferences = nil
	require.NoError(t, env.Client.Update(t.Context(), orphan))
	first.settle()
	assert.NotEmpty(t, first.lock().OwnerReferences)
	require.NoError(t, env.Client.Delete(t.Context(), first.machine(name)))
	first.controller(other)
	first.settleOther()
	assert.Equal(t, other, first.lock().Data["machine"])

	joining := newWorld(t)
	joining.reconciler = newReconciler(manager, manager, joining.clusters, joining.clock)
	joining.joining()
	joining.settle()
	assert.True(t, joining.isReady())
	joining.changeMachine(name, healthy)
	joining.settle()
	assert.Equal(t, "True Joined", joining.condition(joinable))
}
