// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func object(kind, name string, rest map[string]any) unstructured.Unstructured {
	content := map[string]any{
		"kind": kind, "metadata": map[string]any{"name": name, "uid": "u-" + name, "resourceVersion": "1"},
	}
	maps.Copy(content, rest)
	return unstructured.Unstructured{Object: content}
}

func TestOfACluster(t *testing.T) {
	t.Parallel()
	objects := Objects{
		"secrets./a-ca": object("Secret", "a-ca", nil), "clusters.x/a": object("Cluster", "a", nil),
		"secrets./ab-ca": object("Secret", "ab-ca", nil),
	}
	volume := object("PersistentVolumeClaim", "data-a-etcd-0", nil)
	volume.SetLabels(map[string]string{"cluster.x-k8s.io/cluster-name": "a"})
	objects["volumes./data-a-etcd-0"] = volume
	assert.Equal(t, []string{"clusters.x", "secrets.", "volumes."}, objects.Of("a").Kinds())
	assert.Equal(t, map[string]string{
		"secrets./a-ca": "u-a-ca 1", "clusters.x/a": "u-a 1", "volumes./data-a-etcd-0": "u-data-a-etcd-0 1",
	}, objects.Of("a").Versions())
}

func TestHas(t *testing.T) {
	t.Parallel()
	cluster := Cluster{Name: "a"}
	own, elsewhere, foreign := object("Secret", "a-ca", nil), object("Secret", "a-ca", nil), object("Secret", "ab-ca", nil)
	own.SetNamespace(Namespace)
	elsewhere.SetNamespace("capi-system")
	foreign.SetNamespace(Namespace)
	assert.True(t, cluster.Has(own))
	assert.False(t, cluster.Has(elsewhere), "providers have Secrets, too")
	assert.False(t, cluster.Has(foreign))
	foreign.SetLabels(map[string]string{"cluster.x-k8s.io/cluster-name": "a"})
	assert.True(t, cluster.Has(foreign))
}

func TestWritten(t *testing.T) {
	t.Parallel()
	before := map[string]string{"same": "1", "changed": "1", "gone": "1"}
	after := map[string]string{"same": "1", "changed": "2", "new": "1"}
	assert.Equal(t, []string{"changed", "gone (gone)", "new"}, Written(before, after))
	assert.Empty(t, Written(before, before))
}

func TestLastingSeesWhatMattersOnly(t *testing.T) {
	t.Parallel()
	pod := func(container, image, phase string) map[string]any {
		return Objects{"pods./p": object("Pod", "p", map[string]any{
			"spec": map[string]any{"image": image},
			"status": map[string]any{
				"phase":             phase,
				"containerStatuses": []any{map[string]any{"name": "k0s", "containerID": container}},
			},
		})}.Lasting()
	}
	assert.Equal(t, pod("c1", "i", "Running"), pod("c1", "i", "Unknown"), "what is observed may change")
	assert.NotEqual(t, pod("c1", "i", "Running"), pod("c2", "i", "Running"), "a container was restarted")
	assert.NotEqual(t, pod("c1", "i", "Running"), pod("c1", "j", "Running"), "the spec changed")

	secret := func(data string) map[string]any {
		return Objects{"secrets./s": object("Secret", "s", map[string]any{"data": map[string]any{"key": data}})}.Lasting()
	}
	assert.NotEqual(t, secret("QQ=="), secret("Qg=="))
	assert.NotContains(t, fmt.Sprint(secret("QQ==")), "QQ==")
}
