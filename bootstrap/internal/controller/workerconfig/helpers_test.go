// SPDX-License-Identifier: Apache-2.0

package workerconfig_test

import (
	"encoding/base64"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
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

// tokens are the bootstrap tokens that the workload cluster accepts.
func (w *world) tokens() []corev1.Secret {
	w.t.Helper()
	list := &corev1.SecretList{}
	require.NoError(w.t, w.workload.List(w.t.Context(), list, client.InNamespace(jointoken.Namespace)))
	return list.Items
}

// condition is "Status Reason: message".
func (w *world) condition(conditionType string) string {
	w.t.Helper()
	condition := conditions.Get(w.config(), conditionType)
	if condition == nil {
		return ""
	}
	text := string(condition.Status) + " " + condition.Reason
	if condition.Message != "" {
		text += ": " + condition.Message
	}
	return text
}

func (w *world) isReady() bool {
	return conditions.IsTrue(w.config(), bootstrapv1.ReadyCondition)
}

// file is the content of a file in the bootstrap data.
func (w *world) file(path string) string {
	w.t.Helper()
	secret := w.secret(name)
	require.NotNil(w.t, secret)
	return fileOf(w.t, string(secret.Data["value"]), path)
}

// fileOf is the content of a file in user data.
func fileOf(t *testing.T, userData, path string) string {
	t.Helper()
	var parsed struct {
		WriteFiles []struct{ Path, Content, Encoding string } `json:"write_files"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(userData), &parsed))
	for _, file := range parsed.WriteFiles {
		if file.Path != path {
			continue
		}
		if file.Encoding == "" {
			return file.Content
		}
		content, err := base64.StdEncoding.DecodeString(file.Content)
		require.NoError(t, err)
		return string(content)
	}
	require.Failf(t, "no such file", "%s", path)
	return ""
}

// joinToken is the token that the machine gets.
func (w *world) joinToken() jointoken.Join {
	w.t.Helper()
	return joinOf(w.t, w.file("/etc/k0s/join-token"))
}

func joinOf(t *testing.T, text string) jointoken.Join {
	t.Helper()
	join, err := jointoken.Decode(strings.TrimSpace(text))
	require.NoError(t, err)
	return join
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
