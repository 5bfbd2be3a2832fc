// SPDX-License-Identifier: Apache-2.0

package testenv_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/external"

	"github.com/k0smotron/k0smotron/shared/testenv"
)

var env *testenv.Environment

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, testenv.Options{}, func(e *testenv.Environment) { env = e }))
}

func TestStartSaysWhatIsMissing(t *testing.T) {
	t.Setenv("KUBEBUILDER_ASSETS", "")
	_, err := testenv.Start(testenv.Options{})
	require.ErrorContains(t, err, "run `make test`")
}

func TestStartRefusesUnknownPaths(t *testing.T) {
	_, err := testenv.Start(testenv.Options{CRDPaths: []string{"no/such/folder"}})
	require.ErrorContains(t, err, "no/such/folder")
}

func TestNamespacesAreTheTestsOwn(t *testing.T) {
	one, two := env.Namespace(t), env.Namespace(t)
	assert.NotEqual(t, one, two)
	assert.True(t, strings.HasPrefix(one, "testnamespacesarethetestsown-"), one)
	t.Run("A Name, With (Much) In It: "+strings.Repeat("x", 60), func(t *testing.T) {
		assert.LessOrEqual(t, len(env.Namespace(t)), 63)
	})
}

func TestCoreAndInfrastructureKindsAreThere(t *testing.T) {
	ns := env.Namespace(t)
	cluster := testenv.Cluster(ns, testenv.Initialized("10.0.0.1", 6443), testenv.Paused)
	machine := testenv.Machine(ns, "m", testenv.BootstrappedBy("K0sWorkerConfig", "m"))
	env.Create(t, cluster, machine, testenv.InfraCluster(ns), testenv.InfraMachine(ns, "m", "test:///m"),
		testenv.InfraMachineTemplate(ns, "t", map[string]any{"size": "small"}))
	env.Get(t, cluster)
	assert.True(t, *cluster.Status.Initialization.ControlPlaneInitialized, "Create writes the status, too")
	assert.EqualValues(t, 6443, cluster.Spec.ControlPlaneEndpoint.Port)
	assert.True(t, *cluster.Spec.Paused)

	infra, err := external.GetObjectFromContractVersionedRef(t.Context(), env.Client, machine.Spec.InfrastructureRef, ns)
	require.NoError(t, err, "the test infrastructure follows the contract")
	assert.Equal(t, "TestMachine", infra.GetKind())
}

func TestCreateOfKindsWithoutStatus(t *testing.T) {
	ns := env.Namespace(t)
	secret := testenv.Secret(ns, "s", map[string]string{"a": "b"})
	owned := testenv.OwnedBy(
		testenv.Secret(ns, "owned", nil),
		testenv.Cluster(ns, func(c *clusterv1.Cluster) { c.UID = "1" }),
		clusterv1.GroupVersion.WithKind("Cluster"),
	)
	env.Create(t, secret, owned)
	env.Get(t, secret)
	assert.Equal(t, "b", string(secret.Data["a"]))
	assert.Equal(t, "Cluster", owned.OwnerReferences[0].Kind)

	err := testenv.Create(
		t.Context(),
		env.Client,
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "none", Name: "s"}},
	)
	assert.ErrorContains(t, err, "creating *v1.Secret s")
}

// TestEachRelease: each run sees the CRDs of its release, and nothing is left of the run before.
func TestEachRelease(t *testing.T) {
	env.Create(t, testenv.Cluster(env.Namespace(t)))
	var generators []string
	env.EachRelease(t, func(t *testing.T) {
		t.Helper()
		clusters := &clusterv1.ClusterList{}
		require.NoError(t, env.Client.List(t.Context(), clusters))
		assert.Empty(t, clusters.Items)
		env.Create(t, testenv.Cluster(env.Namespace(t)))

		crd := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "clusters.cluster.x-k8s.io"}}
		env.Get(t, crd)
		generators = append(generators, crd.Annotations["controller-gen.kubebuilder.io/version"])
	})
	require.Len(t, generators, len(testenv.Releases())+1)
	assert.Len(t, slices.Compact(generators), len(generators), "each release is made by another generator: %v", generators)
}

// recorder is a test that notes its failures instead of failing.
type recorder struct {
	testing.TB
	failures []string
}

func (*recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...) }

func (r *recorder) golden(path, got string) []string {
	r.failures = nil
	testenv.Golden(r, path, []byte(got))
	return r.failures
}

func TestGolden(t *testing.T) {
	r, path := &recorder{TB: t}, filepath.Join(t.TempDir(), "case", "want.yaml")

	missing := r.golden(path, "a: 1\n")
	require.NotEmpty(t, missing, "a golden file that is not there is a failure")
	assert.Contains(t, missing[0], "-update")

	require.NoError(t, flag.Set("update", "true"))
	assert.Empty(t, r.golden(path, "a: 1\n"))
	require.NoError(t, flag.Set("update", "false"))
	assert.Empty(t, r.golden(path, "a: 1\n"))

	different := r.golden(path, "a: 2\n")
	require.Len(t, different, 1)
	assert.Contains(t, different[0], "a: 2")
}

func TestYAMLHasKindsAndLeavesOutNil(t *testing.T) {
	text := string(testenv.YAML(t, env.Scheme, (*corev1.Service)(nil), nil, testenv.Secret("ns", "s", nil)))
	assert.Equal(t, 1, strings.Count(text, "---"))
	assert.Contains(t, text, "kind: Secret")
}
