// SPDX-License-Identifier: Apache-2.0

package controllerconfig_test

import (
	"maps"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/testenv/stage"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

func (w *world) key(objectName string) client.ObjectKey {
	return client.ObjectKey{Namespace: w.namespace, Name: objectName}
}

func (w *world) config(configName string) *bootstrapv1.K0sControllerConfig {
	w.t.Helper()
	config := &bootstrapv1.K0sControllerConfig{}
	require.NoError(w.t, env.Client.Get(w.t.Context(), w.key(configName), config))
	return config
}

func (w *world) machine(machineName string) *clusterv1.Machine {
	w.t.Helper()
	machine := &clusterv1.Machine{}
	require.NoError(w.t, env.Client.Get(w.t.Context(), w.key(machineName), machine))
	return machine
}

// changeMachine changes the status of a Machine, as core and the control-plane provider do.
func (w *world) changeMachine(machineName string, change func(*clusterv1.Machine)) {
	w.t.Helper()
	machine := w.machine(machineName)
	change(machine)
	require.NoError(w.t, env.Client.Status().Update(w.t.Context(), machine))
}

// leaves deletes a Machine, which the hook of the control-plane provider holds back.
func (w *world) leaves(machineName string) {
	w.t.Helper()
	machine := w.machine(machineName)
	machine.Finalizers = append(machine.Finalizers, clusterv1.MachineFinalizer)
	machine.Annotations = map[string]string{contract.LeaveHookAnnotation: ""}
	require.NoError(w.t, env.Client.Update(w.t.Context(), machine))
	require.NoError(w.t, env.Client.Delete(w.t.Context(), machine))
}

// initialize is what core does when the control plane has answered.
func (w *world) initialize() {
	w.t.Helper()
	cluster := &clusterv1.Cluster{}
	require.NoError(w.t, env.Client.Get(w.t.Context(), w.key(testenv.ClusterName), cluster))
	cluster.Status.Initialization.ControlPlaneInitialized = new(true)
	require.NoError(w.t, env.Client.Status().Update(w.t.Context(), cluster))
}

// secret returns nil when there is none.
func (w *world) secret(secretName string) *corev1.Secret {
	w.t.Helper()
	secret := &corev1.Secret{}
	err := env.Client.Get(w.t.Context(), w.key(secretName), secret)
	if apierrors.IsNotFound(err) {
		return nil
	}
	require.NoError(w.t, err)
	return secret
}

// lock returns nil when there is none.
func (w *world) lock() *corev1.ConfigMap {
	w.t.Helper()
	lock := &corev1.ConfigMap{}
	err := env.Client.Get(w.t.Context(), w.key(lockName), lock)
	if apierrors.IsNotFound(err) {
		return nil
	}
	require.NoError(w.t, err)
	return lock
}

func (w *world) tokens() []corev1.Secret { return stage.Tokens(w.t, w.workload) }

func (w *world) condition(conditionType string) string {
	return stage.Condition(w.config(name), conditionType)
}

func (w *world) isReady() bool {
	return conditions.IsTrue(w.config(name), bootstrapv1.ReadyCondition)
}

// files are the files of the bootstrap data, by path.
func (w *world) files() map[string]string {
	w.t.Helper()
	secret := w.secret(name)
	require.NotNil(w.t, secret)
	return stage.Files(w.t, string(secret.Data["value"]))
}

// joinToken is the token that the machine gets.
func (w *world) joinToken() jointoken.Join {
	w.t.Helper()
	return stage.Join(w.t, w.files())
}

// versions are the resource versions of all that the controller may write: equal means that nothing was written.
func (w *world) versions() map[string]string {
	w.t.Helper()
	versions := map[string]string{}
	configs, secrets, locks := &bootstrapv1.K0sControllerConfigList{}, &corev1.SecretList{}, &corev1.ConfigMapList{}
	for _, list := range []client.ObjectList{configs, secrets, locks} {
		require.NoError(w.t, env.Client.List(w.t.Context(), list, client.InNamespace(w.namespace)))
	}
	for i := range configs.Items {
		versions["config/"+configs.Items[i].Name] = configs.Items[i].ResourceVersion
	}
	for i := range secrets.Items {
		versions["secret/"+secrets.Items[i].Name] = secrets.Items[i].ResourceVersion
	}
	for i := range locks.Items {
		versions["lock/"+locks.Items[i].Name] = locks.Items[i].ResourceVersion
	}
	for _, token := range w.tokens() {
		versions["workload/"+token.Name] = token.ResourceVersion
	}
	return versions
}

func equal(a, b map[string]string) bool { return maps.Equal(a, b) }
