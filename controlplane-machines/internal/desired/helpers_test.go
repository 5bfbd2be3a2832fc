// SPDX-License-Identifier: Apache-2.0

package desired_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/yaml"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/desired"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// facts are those of a control plane with the given version and k0s document.
func facts(version, document string) desired.Facts {
	cluster := testenv.Cluster(namespace, testenv.Initialized("192.0.2.10", 6443))
	controlPlane := &controlplanev1.K0sControlPlane{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "stripes", UID: "uid"},
	}
	controlPlane.Spec.Version = version
	controlPlane.Spec.MachineTemplate.Spec.InfrastructureRef = clusterv1.ContractVersionedObjectReference{
		APIGroup: "infrastructure.cluster.x-k8s.io", Kind: "TestMachineTemplate", Name: "new",
	}
	controlPlane.Spec.K0sConfigSpec.K0s.Raw = []byte(document)
	return desired.Facts{Cluster: cluster, ControlPlane: controlPlane}
}

const version = "v1.36.3+k0s.2"

func template() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "infrastructure.cluster.x-k8s.io/v1beta2", "kind": "TestMachineTemplate",
		"metadata": map[string]any{"name": "new", "namespace": namespace},
		"spec":     map[string]any{"template": map[string]any{"spec": map[string]any{"cpus": int64(2)}}},
	}}
}

// liveOf is a Machine as it was made a moment ago.
func liveOf(t *testing.T) (desired.Facts, desired.Live) {
	t.Helper()
	f := facts(version, "")
	hash, err := desired.InputsHash(f.ControlPlane.Spec.K0sConfigSpec)
	require.NoError(t, err)
	infrastructure, err := desired.InfraMachine(f, "m1", template())
	require.NoError(t, err)
	return f, desired.Live{
		Machine:        desired.Machine(f, desired.Placement{Name: "m1"}, hash),
		Infrastructure: infrastructure.GetAnnotations(),
	}
}

func document(t *testing.T, text string) map[string]any {
	t.Helper()
	parsed := map[string]any{}
	require.NoError(t, yaml.Unmarshal([]byte(text), &parsed))
	return parsed
}

func learners(count string) string {
	return `{"spec":{"storage":{"etcd":{"extraArgs":{"max-learners":"` + count + `"}}}}}`
}

// nodeLocal is what is in a document and not in the part for the running cluster, or in both.
func nodeLocal(t *testing.T, f desired.Facts) map[string]any {
	t.Helper()
	configuration, err := desired.NewConfiguration(f, "")
	require.NoError(t, err)
	local := map[string]any{}
	spec := configuration.Document["spec"].(map[string]any)
	for _, key := range []string{"api", "storage", "installConfig", "konnectivity", "featureGates"} {
		local[key] = spec[key]
	}
	network, _ := spec["network"].(map[string]any)
	for _, key := range []string{"provider", "podCIDR", "serviceCIDR", "controlPlaneLoadBalancing", "dualStack", "clusterDomain"} {
		local["network."+key] = network[key]
	}
	return local
}
