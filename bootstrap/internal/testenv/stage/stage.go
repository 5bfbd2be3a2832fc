// SPDX-License-Identifier: Apache-2.0

// Package stage is what tests of the reconcilers of configs have in common: a workload cluster that can be away, the
// steps of a manager, and how user data, tokens and conditions are read.
package stage

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/clock"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/bootstrap/internal/controller/machineconfig"
	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/workload"
)

// FieldOwner is that of the manager.
const FieldOwner = "k0smotron-bootstrap"

// Clusters is access to one workload cluster; none while Connected is nil.
type Clusters struct{ Connected client.Client }

var _ workload.Clusters = (*Clusters)(nil)

// Client is the workload cluster, or a wait.
func (c *Clusters) Client(context.Context, client.ObjectKey) (client.Client, error) {
	if c.Connected == nil {
		return nil, phase.Waiting(workload.NotConnected, "waiting for the connection to workload cluster tiger", 1)
	}
	return c.Connected, nil
}

// Live is the same: there is no cache.
func (c *Clusters) Live(ctx context.Context, key client.ObjectKey) (client.Client, error) {
	return c.Client(ctx, key)
}

// Watch does nothing: tests reconcile by themselves.
func (*Clusters) Watch(context.Context, client.ObjectKey, clustercache.Watcher) error { return nil }

// Workload is a workload cluster.
func Workload() client.WithWatch {
	return fake.NewClientBuilder().WithReturnManagedFields().Build()
}

// Steps are those of a manager with the given access.
func Steps(
	c client.Client, live client.Reader, workloads workload.Clusters, passive clock.PassiveClock,
) machineconfig.Steps {
	applier := apply.New(c, FieldOwner)
	return machineconfig.Steps{
		Client: c, Live: live, Applier: applier, Workload: workloads, Clock: passive,
		Tokens: jointoken.Store{
			Reader: c, Live: live, Management: applier, FieldOwner: FieldOwner, Clock: passive, Random: rand.Reader,
		},
	}
}

// Tokens are the bootstrap tokens that the workload cluster accepts.
func Tokens(t testing.TB, cluster client.Reader) []corev1.Secret {
	t.Helper()
	list := &corev1.SecretList{}
	require.NoError(t, cluster.List(t.Context(), list, client.InNamespace(jointoken.Namespace)))
	return list.Items
}

// Condition is "Status Reason: message"; empty while nobody has reported it.
func Condition(object conditions.Getter, conditionType string) string {
	condition := conditions.Get(object, conditionType)
	if condition == nil {
		return ""
	}
	text := string(condition.Status) + " " + condition.Reason
	if condition.Message != "" {
		text += ": " + condition.Message
	}
	return text
}

// Files are the files in user data, by path.
func Files(t testing.TB, userData string) map[string]string {
	t.Helper()
	var parsed struct {
		WriteFiles []struct{ Path, Content, Encoding string } `json:"write_files"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(userData), &parsed))
	files := map[string]string{}
	for _, file := range parsed.WriteFiles {
		files[file.Path] = file.Content
		if file.Encoding != "" {
			content, err := base64.StdEncoding.DecodeString(file.Content)
			require.NoError(t, err)
			files[file.Path] = string(content)
		}
	}
	return files
}

// Join is what the join token among the files of a machine says.
func Join(t testing.TB, files map[string]string) jointoken.Join {
	t.Helper()
	join, err := jointoken.Decode(strings.TrimSpace(files["/etc/k0s/join-token"]))
	require.NoError(t, err)
	return join
}

// HideRandom takes out of a Secret what is random by design: tokens, certificates, and hashes of them.
func HideRandom(object *unstructured.Unstructured) {
	if object.GetKind() != "Secret" {
		return
	}
	data, _, _ := unstructured.NestedMap(object.Object, "data")
	for key := range data {
		data[key] = "random"
	}
	_ = unstructured.SetNestedMap(object.Object, data, "data")
	if object.GetNamespace() == jointoken.Namespace {
		object.SetName("bootstrap-token-random")
	}
	annotations := object.GetAnnotations()
	for key := range annotations {
		annotations[key] = "random"
	}
	object.SetAnnotations(annotations)
}
