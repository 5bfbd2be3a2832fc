// SPDX-License-Identifier: Apache-2.0

package workerconfig_test

import (
	"maps"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/testenv/stage"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

func (w *world) key(objectName string) client.ObjectKey {
	return client.ObjectKey{Namespace: w.namespace, Name: objectName}
}

func (w *world) config() *bootstrapv1.K0sWorkerConfig {
	w.t.Helper()
	config := &bootstrapv1.K0sWorkerConfig{}
	require.NoError(w.t, env.Client.Get(w.t.Context(), w.key(name), config))
	return config
}

func (w *world) machine() *clusterv1.Machine {
	w.t.Helper()
	machine := &clusterv1.Machine{}
	require.NoError(w.t, env.Client.Get(w.t.Context(), w.key(name), machine))
	return machine
}

func (w *world) cluster() *clusterv1.Cluster {
	w.t.Helper()
	cluster := &clusterv1.Cluster{}
	require.NoError(w.t, env.Client.Get(w.t.Context(), w.key(testenv.ClusterName), cluster))
	return cluster
}

// join gives the Machine a Node, as core does.
func (w *world) join() {
	w.t.Helper()
	machine := w.machine()
	machine.Status.NodeRef = clusterv1.MachineNodeReference{Name: "node-1"}
	require.NoError(w.t, env.Client.Status().Update(w.t.Context(), machine))
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

func (w *world) tokens() []corev1.Secret { return stage.Tokens(w.t, w.workload) }

func (w *world) condition(conditionType string) string {
	return stage.Condition(w.config(), conditionType)
}

func (w *world) isReady() bool {
	return conditions.IsTrue(w.config(), bootstrapv1.ReadyCondition)
}

// file is the content of a file in the bootstrap data.
func (w *world) file(path string) string {
	w.t.Helper()
	secret := w.secret(name)
	require.NotNil(w.t, secret)
	files := stage.Files(w.t, string(secret.Data["value"]))
	require.Contains(w.t, files, path)
	return files[path]
}

// joinToken is the token that the machine gets.
func (w *world) joinToken() jointoken.Join {
	w.t.Helper()
	return stage.Join(w.t, stage.Files(w.t, string(w.secret(name).Data["value"])))
}

// versions are the resource versions of all that the controller may write: equal means that nothing was written.
func (w *world) versions() map[string]string {
	w.t.Helper()
	versions := map[string]string{}
	config := &bootstrapv1.K0sWorkerConfig{}
	if err := env.Client.Get(w.t.Context(), w.key(name), config); err == nil {
		versions["config"] = config.ResourceVersion
	}
	secrets := &corev1.SecretList{}
	require.NoError(w.t, env.Client.List(w.t.Context(), secrets, client.InNamespace(w.namespace)))
	for i := range secrets.Items {
		versions[secrets.Items[i].Name] = secrets.Items[i].ResourceVersion
	}
	for _, token := range w.tokens() {
		versions["workload/"+token.Name] = token.ResourceVersion
	}
	return versions
}

func equal(a, b map[string]string) bool { return maps.Equal(a, b) }

func controller(object metav1.Object) string {
	owner := metav1.GetControllerOf(object)
	if owner == nil {
		return ""
	}
	return owner.Kind + "/" + owner.Name
}
