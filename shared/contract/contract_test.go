// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

const ns = "default"

func reader(objects ...client.Object) client.Client {
	builder := fake.NewClientBuilder().WithScheme(testenv.MustScheme()).WithObjects(objects...)
	for _, crd := range testenv.InfrastructureCRDs() {
		builder = builder.WithObjects(crd)
	}
	return builder.Build()
}

// requireWait demands that the error is a wait with this reason and a message that contains text.
func requireWait(t *testing.T, err error, reason, text string) {
	t.Helper()
	var wait *phase.WaitError
	require.ErrorAs(t, err, &wait)
	assert.Equal(t, reason, wait.Reason)
	assert.Contains(t, wait.Message, text)
	assert.Zero(t, wait.After, "a watch wakes the object, no timer")
}

func TestOwnerMachine(t *testing.T) {
	t.Parallel()
	machine := testenv.Machine(ns, "worker-1")
	gvk := clusterv1.GroupVersion.WithKind("Machine")
	older := clusterv1.GroupVersion.WithKind("Machine")
	older.Version = "v1beta1"

	_, err := contract.OwnerMachine(t.Context(), reader(), testenv.Secret(ns, "config", nil))
	requireWait(t, err, contract.WaitingForMachine, "configRef")

	owned := testenv.OwnedBy(testenv.Secret(ns, "config", nil), machine, gvk)
	_, err = contract.OwnerMachine(t.Context(), reader(), owned)
	requireWait(t, err, contract.WaitingForMachine, "Machine worker-1")

	got, err := contract.OwnerMachine(t.Context(), reader(machine), owned)
	require.NoError(t, err)
	assert.Equal(t, "worker-1", got.Name)

	got, err = contract.OwnerMachine(t.Context(), reader(machine),
		testenv.OwnedBy(testenv.Secret(ns, "config", nil), machine, older))
	require.NoError(t, err, "core writes owner references in the version it likes")
	assert.Equal(t, "worker-1", got.Name)

	foreign := gvk
	foreign.Group = "example.com"
	_, err = contract.OwnerMachine(t.Context(), reader(machine),
		testenv.OwnedBy(testenv.Secret(ns, "config", nil), machine, foreign))
	requireWait(t, err, contract.WaitingForMachine, "configRef")
}

func TestOwnerCluster(t *testing.T) {
	t.Parallel()
	cluster := testenv.Cluster(ns)
	_, err := contract.OwnerCluster(t.Context(), reader(), testenv.Secret(ns, "cp", nil))
	requireWait(t, err, contract.WaitingForCluster, "controlPlaneRef")

	owned := testenv.OwnedBy(testenv.Secret(ns, "cp", nil), cluster, clusterv1.GroupVersion.WithKind("Cluster"))
	got, err := contract.OwnerCluster(t.Context(), reader(cluster), owned)
	require.NoError(t, err)
	assert.Equal(t, testenv.ClusterName, got.Name)
}

func TestLabelledCluster(t *testing.T) {
	t.Parallel()
	secret := testenv.Secret(ns, "s", nil)
	got, err := contract.LabelledCluster(t.Context(), reader(testenv.Cluster(ns)), secret)
	require.NoError(t, err)
	assert.Equal(t, testenv.ClusterName, got.Name)

	_, err = contract.LabelledCluster(t.Context(), reader(), secret)
	requireWait(t, err, contract.WaitingForCluster, "Cluster tiger")

	secret.Labels = nil
	_, err = contract.LabelledCluster(t.Context(), reader(), secret)
	requireWait(t, err, contract.WaitingForCluster, clusterv1.ClusterNameLabel)
}

func TestOtherErrorsAreNoWaits(t *testing.T) {
	t.Parallel()
	broken := fake.NewClientBuilder().Build() // Its scheme knows no Cluster.
	_, err := contract.GetCluster(t.Context(), broken, client.ObjectKey{Namespace: ns, Name: "x"})
	require.Error(t, err)
	var wait *phase.WaitError
	assert.NotErrorAs(t, err, &wait)
}

func TestCheckPaused(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		cluster     *clusterv1.Cluster
		annotations map[string]string
		paused      bool
		message     string
	}{
		"NotPaused":      {cluster: testenv.Cluster(ns)},
		"ClusterUnknown": {},
		"Cluster": {
			cluster: testenv.Cluster(ns, testenv.Paused), paused: true, message: "Cluster spec.paused is set to true",
		},
		"Annotation": {
			cluster: testenv.Cluster(ns), annotations: map[string]string{clusterv1.PausedAnnotation: ""}, paused: true,
			message: "this object has the annotation cluster.x-k8s.io/paused",
		},
		"Both": {
			cluster:     testenv.Cluster(ns, testenv.Paused),
			annotations: map[string]string{clusterv1.PausedAnnotation: "false"}, paused: true,
			message: "Cluster spec.paused is set to true, this object has the annotation cluster.x-k8s.io/paused",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := &clusterv1.Machine{}
			target.Annotations = tc.annotations
			outcome := contract.CheckPaused(tc.cluster, target)

			want := phase.Continue()
			if tc.paused {
				want = phase.Done()
			}
			assert.Equal(t, want, outcome)
			assert.Equal(t, tc.paused, conditions.IsTrue(target, clusterv1.PausedCondition))
			condition := conditions.Get(target, clusterv1.PausedCondition)
			require.NotNil(t, condition)
			assert.Equal(t, tc.message, condition.Message)
		})
	}
}

func TestIsWatched(t *testing.T) {
	t.Parallel()
	plain, mine := testenv.Machine("ns", "m"), testenv.Machine("ns", "m")
	mine.Labels[clusterv1.WatchLabel] = "mine"
	assert.True(t, contract.IsWatched(plain, ""))
	assert.True(t, contract.IsWatched(mine, ""))
	assert.True(t, contract.IsWatched(mine, "mine"))
	assert.False(t, contract.IsWatched(mine, "another"))
	assert.False(t, contract.IsWatched(plain, "mine"))
}

func TestClusterInitialization(t *testing.T) {
	t.Parallel()
	fresh, ready := testenv.Cluster(ns), testenv.Cluster(ns, testenv.Initialized("10.0.0.1", 6443))
	assert.False(t, contract.ControlPlaneInitialized(fresh))
	assert.True(t, contract.ControlPlaneInitialized(ready))
	assert.False(t, contract.InfrastructureProvisioned(fresh))
	assert.True(t, contract.InfrastructureProvisioned(ready))
}

func TestInfraMachine(t *testing.T) {
	t.Parallel()
	machine := testenv.Machine(ns, "worker-1")
	_, err := contract.InfraMachine(t.Context(), reader(), machine)
	requireWait(t, err, contract.WaitingForInfrastructure, "TestMachine worker-1")

	live := testenv.InfraMachine(ns, "worker-1", "test:///1")
	infra, err := contract.InfraMachine(t.Context(), reader(live), machine)
	require.NoError(t, err)
	id, err := contract.ProviderID(infra)
	require.NoError(t, err)
	assert.Equal(t, "test:///1", id)
	provisioned, err := contract.Provisioned(infra)
	require.NoError(t, err)
	assert.True(t, provisioned)

	machine.Spec.InfrastructureRef.Kind = "Unknown"
	_, err = contract.InfraMachine(t.Context(), reader(), machine)
	require.ErrorContains(t, err, "getting infrastructure of Machine worker-1")
	var wait *phase.WaitError
	assert.NotErrorAs(t, err, &wait, "a kind that is not installed is an error, not a wait")
}

func TestContractFieldsBeforeTheyAreSet(t *testing.T) {
	t.Parallel()
	infra := testenv.InfraMachine(ns, "worker-1", "")
	id, err := contract.ProviderID(infra)
	require.NoError(t, err)
	assert.Empty(t, id)
	provisioned, err := contract.Provisioned(infra)
	require.NoError(t, err)
	assert.False(t, provisioned)
	addresses, err := contract.Addresses(infra)
	require.NoError(t, err)
	assert.Empty(t, addresses)
}

func TestContractFieldsOfTheWrongType(t *testing.T) {
	t.Parallel()
	infra := testenv.InfraMachine(ns, "worker-1", "")
	infra.Object["spec"] = map[string]any{"providerID": int64(1)}
	infra.Object["status"] = map[string]any{
		"initialization": map[string]any{"provisioned": "yes"}, "addresses": "here",
	}
	_, err := contract.ProviderID(infra)
	require.ErrorContains(t, err, "spec.providerID of TestMachine worker-1")
	_, err = contract.Provisioned(infra)
	require.ErrorContains(t, err, "status.initialization.provisioned of TestMachine worker-1")
	_, err = contract.Addresses(infra)
	require.ErrorContains(t, err, "status.addresses of TestMachine worker-1")
	infra.Object["status"] = map[string]any{"addresses": []any{"10.0.0.1"}}
	_, err = contract.Addresses(infra)
	require.ErrorContains(t, err, "not an object")
}

func TestAddressesKeepTheirOrder(t *testing.T) {
	t.Parallel()
	infra := &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"addresses": []any{
		map[string]any{"type": "InternalIP", "address": "10.0.0.1"},
		map[string]any{"type": "Hostname", "address": "worker-1"},
	}}}}
	addresses, err := contract.Addresses(infra)
	require.NoError(t, err)
	assert.Equal(t, []clusterv1.MachineAddress{
		{Type: clusterv1.MachineInternalIP, Address: "10.0.0.1"}, {Type: clusterv1.MachineHostName, Address: "worker-1"},
	}, addresses)
}

func TestChildName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 63)
	cases := map[string]struct {
		cluster, role string
		limit         int
		want          string
	}{
		"Short":            {"tiger", "etcd", contract.NameLimit, "tiger-etcd"},
		"ExactlyTheLimit":  {strings.Repeat("a", 58), "etcd", contract.NameLimit, strings.Repeat("a", 58) + "-etcd"},
		"Cut":              {long, "etcd", contract.NameLimit, strings.Repeat("a", 47) + "-b90d98286b-etcd"},
		"CutForSets":       {long, "etcd", contract.StatefulSetNameLimit, strings.Repeat("a", 36) + "-b90d98286b-etcd"},
		"NoDashesInARow":   {strings.Repeat("a", 46) + "-----" + strings.Repeat("b", 12), "etcd", 63, ""},
		"RoleFillsAllOfIt": {"tiger", strings.Repeat("r", 60), 20, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := contract.ChildName(tc.cluster, tc.role, tc.limit)
			assert.LessOrEqual(t, len(got), tc.limit)
			assert.Empty(t, validation.IsDNS1123Label(got))
			assert.NotContains(t, got, "--")
			if tc.want != "" {
				assert.Equal(t, tc.want, got)
			}
		})
	}
	assert.NotEqual(t, contract.ChildName(long+"x", "etcd", 63), contract.ChildName(long+"y", "etcd", 63),
		"names that differ only in what is cut stay different")
	assert.NotEqual(t, contract.ChildName(long, "etcd", 63), contract.ChildName(long, "controller", 63))
}

func TestContractNamesAreNeverCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 63)
	assert.Equal(t, long+"-kubeconfig", contract.KubeconfigName(long))
	assert.Equal(t, long+"-k0s-join", contract.JoinInfoName(long))
	assert.Equal(t, long+"-ca", contract.CAName(long))
}
