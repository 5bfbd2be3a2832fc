// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// controlPlane is one with three controllers as it should be, after a change of its status.
func controlPlane(change map[string]any, conditions map[string]string) *unstructured.Unstructured {
	status := map[string]any{
		"observedGeneration": int64(2), "replicas": int64(3), "readyReplicas": int64(3), "availableReplicas": int64(3),
		"upToDateReplicas": int64(3),
	}
	maps.Copy(status, change)
	all := map[string]string{
		"Available": "True", "EtcdClusterHealthy": "True", "ControlPlaneComponentsHealthy": "True",
		"ScalingUp": "False", "ScalingDown": "False", "RollingOut": "False",
	}
	maps.Copy(all, conditions)
	list := make([]any, 0, len(all))
	for name, value := range all {
		list = append(list, map[string]any{"type": name, "status": value, "message": "for a reason"})
	}
	status["conditions"] = list
	found := object("K0sControlPlane", "a", map[string]any{"status": status})
	found.SetGeneration(2)
	return &found
}

func TestSettled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change     map[string]any
		conditions map[string]string
		replicas   int64
		says       string
	}{
		"as wished":          {replicas: 3},
		"another number":     {replicas: 5, says: "upToDateReplicas is 3, not 5"},
		"an old status":      {change: map[string]any{"observedGeneration": int64(1)}, replicas: 3, says: "status is of generation 1, not 2"},
		"one is not ready":   {change: map[string]any{"readyReplicas": int64(2)}, replicas: 3, says: "readyReplicas is 2, not 3"},
		"a rollout":          {conditions: map[string]string{"RollingOut": "True"}, replicas: 3, says: "RollingOut is True, not False: for a reason"},
		"unknown is not yet": {conditions: map[string]string{"EtcdClusterHealthy": "Unknown"}, replicas: 3, says: "EtcdClusterHealthy is Unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := settled(controlPlane(c.change, c.conditions), c.replicas)
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestMembersThatHaveJoined(t *testing.T) {
	t.Parallel()
	member := func(name, joined string) unstructured.Unstructured {
		return object("EtcdMember", name, map[string]any{"status": map[string]any{"conditions": []any{
			map[string]any{"type": "Joined", "status": joined},
		}}})
	}
	members := []unstructured.Unstructured{
		member("c", "True"), member("b", "False"), member("a", "True"), object("EtcdMember", "d", nil),
	}
	assert.Equal(t, []string{"a", "c"}, joined(members))
	assert.Equal(t, []string{"a", "b", "c", "d"}, names(members))
	assert.Empty(t, joined(nil))
}
