// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
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

// TestRights: with the rights of the release, and no others, a control plane comes up, and goes.
func TestRights(t *testing.T) {
	t.Parallel()
	config := asManager(t)
	for name, override := range map[string]func(*controlplanev1.K0smotronControlPlane){
		"Etcd": func(*controlplanev1.K0smotronControlPlane) {},
		"Kine": kine,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, override)
			c, err := client.New(config, client.Options{Scheme: env.Scheme})
			require.NoError(t, err)
			w.reconciler = newReconciler(c, w.clock, w.hosted)
			if name == "Kine" {
				w.dataSource(source)
				w.comesUpWithoutEtcd()
			} else {
				w.available()
				w.claim()
			}
			machine := testenv.Machine(w.namespace, "worker")
			env.Create(t, machine)
			require.NoError(t, env.Client.Delete(t.Context(), w.controlPlane))
			w.reconcile()
			w.is(controlplanev1.DeletingCondition, metav1.ConditionTrue)
			pool := machinePool(w.namespace, "pool", w.cluster.Name)
			env.Create(t, pool)
			require.NoError(t, env.Client.Delete(t.Context(), machine))
			w.reconcile()
			assert.Contains(t, w.is(controlplanev1.DeletingCondition, metav1.ConditionTrue).Message, "MachinePools")
			require.NoError(t, env.Client.Delete(t.Context(), pool))
			w.reconcile()
			w.gone(w.controlPlane)
		})
	}
}

func (w *world) comesUpWithoutEtcd() {
	w.t.Helper()
	w.reconcile()
	w.giveAddress()
	w.reconcile()
	w.runPods(w.podSetName(), 1)
	w.hosted.up()
	w.reconcile()
	w.reconcile()
	w.reconcile()
	w.is(controlplanev1.AvailableCondition, metav1.ConditionTrue)
}

// TestNoOtherRights: what a control plane provider could be abused for is not among the rights.
func TestNoOtherRights(t *testing.T) {
	t.Parallel()
	forbidden := map[string]bool{
		"pods/exec":       true,
		"*":               true,
		"clusterroles":    true,
		"serviceaccounts": true,
		"secrets/*":       true,
	}
	for _, rule := range managersRole(t).Rules {
		for _, resource := range rule.Resources {
			assert.False(t, forbidden[resource], "%v", rule)
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
	c, err := client.New(as("nobody"), client.Options{Scheme: env.Scheme})
	require.NoError(t, err)
	w.reconciler = newReconciler(c, w.clock, w.hosted)
	_, err = w.tryReconcile()
	require.Error(t, err)
	assert.True(t, apierrors.IsForbidden(err), "%v", err)
}

// TestFailuresAreTold: a call that fails ends in the condition of its part, and heals.
func TestFailuresAreTold(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		kind      string
		condition string
	}{
		"Service":     {kind: "Service", condition: controlplanev1.EndpointReadyCondition},
		"Secret":      {kind: "Secret", condition: controlplanev1.CertificatesAvailableCondition},
		"StatefulSet": {kind: "StatefulSet", condition: controlplanev1.EtcdClusterHealthyCondition},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.reconciler = newReconciler(failing(tc.kind), w.clock, w.hosted)
			_, err := w.tryReconcile()
			require.Error(t, err)
			condition := w.is(tc.condition, metav1.ConditionUnknown)
			assert.Contains(t, condition.Message, "out of order")
			assert.Zero(t, w.controlPlane.Status.ObservedGeneration, "a pass that failed observed nothing")

			w.reconciler = newReconciler(env.Client, w.clock, w.hosted)
			w.step(time.Second)
			w.reconcile()
			w.is(controlplanev1.CertificatesAvailableCondition, metav1.ConditionTrue)
			assert.Equal(t, w.controlPlane.Generation, w.controlPlane.Status.ObservedGeneration)
		})
	}
}
