// SPDX-License-Identifier: Apache-2.0

package machineconfig

import (
	"testing"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/event"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

func TestClusterMoved(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*clusterv1.Cluster)
		want   bool
	}{
		"Paused":      {testenv.Paused, true},
		"Initialized": {testenv.Initialized("10.0.0.1", 6443), true},
		"Endpoint": {func(cluster *clusterv1.Cluster) {
			cluster.Spec.ControlPlaneEndpoint = clusterv1.APIEndpoint{Host: "a", Port: 1}
		}, true},
		"Heartbeat": {func(cluster *clusterv1.Cluster) { cluster.Status.Phase = "Provisioned" }, false},
	} {
		moved := clusterMoved().Update(event.UpdateEvent{
			ObjectOld: testenv.Cluster("default"), ObjectNew: testenv.Cluster("default", test.change),
		})
		assert.Equal(t, test.want, moved, name)
	}
}

func TestMetadataChanged(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*bootstrapv1.K0sWorkerConfig)
		want   bool
	}{
		"Paused": {func(config *bootstrapv1.K0sWorkerConfig) {
			config.Annotations = map[string]string{clusterv1.PausedAnnotation: ""}
		}, true},
		"Owner": {func(config *bootstrapv1.K0sWorkerConfig) {
			config.OwnerReferences = []metav1.OwnerReference{{Kind: "Machine"}}
		}, true},
		"OwnerRestored": {func(config *bootstrapv1.K0sWorkerConfig) { config.OwnerReferences[0].UID = "new" }, true},
		"Labels":        {func(config *bootstrapv1.K0sWorkerConfig) { config.Labels[clusterv1.WatchLabel] = "mine" }, true},
		"Annotation": {func(config *bootstrapv1.K0sWorkerConfig) {
			config.Annotations = map[string]string{"example.org/note": ""}
		}, false},
		"Status": {func(config *bootstrapv1.K0sWorkerConfig) { config.Status.DataSecretName = "x" }, false},
	} {
		before := &bootstrapv1.K0sWorkerConfig{ObjectMeta: metav1.ObjectMeta{
			Labels:          map[string]string{clusterv1.ClusterNameLabel: "tiger"},
			OwnerReferences: []metav1.OwnerReference{{Kind: "MachineSet", UID: "1"}},
		}}
		after := before.DeepCopy()
		test.change(after)
		assert.Equal(t, test.want, metadataChanged().Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}), name)
	}
}
