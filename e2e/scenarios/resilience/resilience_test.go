// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package resilience

import (
	"context"
	"testing"
	"time"

	"github.com/onsi/gomega"
	"github.com/stretchr/testify/assert"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	capi "sigs.k8s.io/cluster-api/test/framework"

	"github.com/k0smotron/k0smotron/e2e/framework"
	infrav1 "github.com/k0smotron/k0smotron/e2e/infra/api/v1beta2"
)

// A cluster whose control plane runs as pods, with a worker.
func TestHosted(t *testing.T) {
	cluster := lab.Create(t, "keeps-hosted")
	cluster.Works(t, 6*time.Minute)
	recovers(t, cluster, owners(t, "K0smotronControlPlane"), finalizers{
		"K0smotronControlPlane": always("k0smotroncontrolplane.controlplane.cluster.x-k8s.io"),
		"LabMachine":            always(infrav1.MachineFinalizer),
	})
}

// A cluster whose control plane runs on a machine, with a worker. One controller is what the stand-in for k0s can do, and
// has all kinds that more have.
func TestMachines(t *testing.T) {
	cluster := lab.CreateOnMachines(t, "keeps-machines")
	cluster.Works(t, 6*time.Minute)
	cluster.Stable(t, 1, 6*time.Minute)
	recovers(t, cluster, owners(t, "K0sControlPlane"), finalizers{
		"K0sControlPlane": always("k0scontrolplane.controlplane.cluster.x-k8s.io"),
		"LabCluster":      always(infrav1.ClusterFinalizer), // It has a load balancer to remove.
		"LabMachine":      always(infrav1.MachineFinalizer),
	})
}

// finalizers are those of an object, by its kind. A kind that is not among them has none.
type finalizers = map[string]func(types.NamespacedName) []string

func always(finalizer string) func(types.NamespacedName) []string {
	return func(types.NamespacedName) []string { return []string{finalizer} }
}

// recovers does to a cluster what Cluster API does to those of its own providers. Afterwards it works, no Machine was
// replaced, and it goes without a trace.
func recovers(t *testing.T, cluster framework.Cluster, owned byKind, kept finalizers) {
	t.Helper()
	before := machines(t, cluster)
	for _, check := range []struct {
		name string
		run  func(ctx context.Context, proxy capi.ClusterProxy)
	}{
		{"OwnersRemoved", func(ctx context.Context, proxy capi.ClusterProxy) {
			capi.ValidateOwnerReferencesResilience(ctx, proxy, framework.Namespace, cluster.Name, cluster.Has, owned)
		}},
		{"OwnersOfAnOldVersion", func(ctx context.Context, proxy capi.ClusterProxy) {
			capi.ValidateOwnerReferencesOnUpdate(ctx, proxy, framework.Namespace, cluster.Name, cluster.Has, owned)
		}},
		{"FinalizersRemoved", func(ctx context.Context, proxy capi.ClusterProxy) {
			capi.ValidateFinalizersResilience(ctx, proxy, framework.Namespace, cluster.Name, cluster.Has,
				capi.CoreFinalizersAssertionWithLegacyClusters, kept)
		}},
		{"NothingIsWritten", func(ctx context.Context, proxy capi.ClusterProxy) {
			capi.ValidateResourceVersionStable(ctx, capi.ValidateResourceVersionStableInput{
				ClusterProxy: proxy, Namespace: framework.Namespace, OwnerGraphFilterFunction: cluster.Has,
			})
		}},
	} {
		t.Run(check.name, func(t *testing.T) { check.run(t.Context(), connect(t, cluster)) })
	}
	cluster.Works(t, 2*time.Minute)
	assert.Equal(t, before, machines(t, cluster), "Machines and their UIDs")
	cluster.Delete(t)
	cluster.NothingLeft(t)
}

// connect gives the management cluster to Cluster API's checks, and makes their failures those of the test. They fail by
// Gomega's global handler; that of Ginkgo would fail the suite around all tests, without a word on which of them it was,
// and panic in it. The checks run in the goroutine of the test, so FailNow is allowed to them.
func connect(t *testing.T, cluster framework.Cluster) capi.ClusterProxy {
	t.Helper()
	gomega.RegisterTestingT(t)
	// They pause the Cluster, and a check that fails meanwhile leaves it so: it could not even be deleted.
	t.Cleanup(func() { cluster.Resume(t) })
	scheme := runtime.NewScheme()
	capi.TryAddDefaultSchemes(scheme)
	return capi.NewClusterProxy("lab", lab.Paths.Kubeconfig(), scheme)
}

// machines are the UIDs of the Machines of a cluster, by name.
func machines(t *testing.T, cluster framework.Cluster) map[string]types.UID {
	t.Helper()
	found := map[string]types.UID{}
	for _, machine := range cluster.List(t, "Machine") {
		found[machine.GetName()] = machine.GetUID()
	}
	return found
}
