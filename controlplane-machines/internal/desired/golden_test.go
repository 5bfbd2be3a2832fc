// SPDX-License-Identifier: Apache-2.0

package desired_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/desired"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

const namespace = "zoo"

// golden is one case: what a user and the management cluster have, and which Machine is made.
type golden struct {
	Cluster       *clusterv1.Cluster              `json:"cluster"`
	ControlPlane  *controlplanev1.K0sControlPlane `json:"controlPlane"`
	Template      map[string]any                  `json:"template"`
	Existing      string                          `json:"existing"`
	Random        string                          `json:"random"`
	Role          bootstrapv1.ControllerRole      `json:"role"`
	FailureDomain string                          `json:"failureDomain"`
}

// TestGolden renders every folder of testdata: want.yaml holds all objects of one Machine and of its cluster,
// cluster-wide.yaml what is applied to the running cluster.
func TestGolden(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob("testdata/*/in.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for _, input := range folders {
		folder := filepath.Dir(input)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			objects, configuration := readGolden(t, input).render(t)
			scheme := testenv.MustScheme(controlplanev1.AddToScheme, bootstrapv1.AddToScheme)
			testenv.GoldenObjects(t, scheme, filepath.Join(folder, "want.yaml"), objects...)
			clusterWide, err := yaml.Marshal(configuration.ClusterWide)
			require.NoError(t, err)
			testenv.Golden(t, filepath.Join(folder, "cluster-wide.yaml"), clusterWide)
		})
	}
}

func readGolden(t *testing.T, path string) golden {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var in golden
	require.NoError(t, yaml.UnmarshalStrict(text, &in))
	in.Cluster.Namespace, in.ControlPlane.Namespace = namespace, namespace
	in.ControlPlane.UID = "uid-of-control-plane"
	return in
}

func (g golden) render(t *testing.T) ([]client.Object, desired.Configuration) {
	t.Helper()
	facts := desired.Facts{Cluster: g.Cluster, ControlPlane: g.ControlPlane}
	learners, err := desired.DecideMaxLearners(facts, g.learners())
	require.NoError(t, err)
	configuration, err := desired.NewConfiguration(facts, learners)
	require.NoError(t, err)
	name := desired.MachineName(facts, g.Random)
	infrastructure, err := desired.InfraMachine(facts, name, &unstructured.Unstructured{Object: g.Template})
	require.NoError(t, err)
	config, err := desired.ControllerConfig(facts, name, g.Role, configuration)
	require.NoError(t, err)
	hash, err := desired.InputsHash(g.ControlPlane.Spec.K0sConfigSpec)
	require.NoError(t, err)
	join, err := desired.JoinSecret(facts, configuration, []byte("certificate"))
	require.NoError(t, err)
	return []client.Object{
		infrastructure, config,
		desired.Machine(facts, desired.Placement{Name: name, FailureDomain: g.FailureDomain}, hash),
		desired.Metadata(facts, desired.Child{Kind: infrastructure.GroupVersionKind(), Name: name}),
		join, desired.KubeconfigMetadata(facts),
	}, configuration
}

func (g golden) learners() desired.LearnerFacts {
	if g.Existing == "" {
		return desired.LearnerFacts{}
	}
	existing := &bootstrapv1.K0sControllerConfig{}
	existing.Spec.K0s.Raw = []byte(g.Existing)
	return desired.LearnerFacts{Existing: existing, Started: true}
}
