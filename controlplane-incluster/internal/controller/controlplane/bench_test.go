// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/hosted"
	"github.com/k0smotron/k0smotron/shared/clusterconfig"
	"github.com/k0smotron/k0smotron/shared/testenv"
	"github.com/k0smotron/k0smotron/shared/testenv/faults"
	"github.com/k0smotron/k0smotron/shared/workload"
)

// BenchmarkIdle is one pass over a control plane at rest: what a manager spends on each at every resync.
func BenchmarkIdle(b *testing.B) {
	cluster := testenv.Cluster("bench")
	cluster.UID = "cluster"
	controlPlane := newControlPlane("bench", cluster.Name)
	controlPlane.UID = "control-plane"
	testenv.OwnedBy(controlPlane, cluster, clusterv1.GroupVersion.WithKind("Cluster"))
	management := fake.NewClientBuilder().WithScheme(env.Scheme).WithObjects(cluster, controlPlane).
		WithStatusSubresource(controlPlane, &appsv1.StatefulSet{}, &corev1.Service{}).Build()
	up := &fakeClusters{
		ready: workload.Evidence{StatusCode: http.StatusOK}, serves: true,
		opinion: hosted.Opinion{Verdict: clusterconfig.VerdictReconciled},
	}
	reconciler := newReconciler(management, testenv.Clock(), up)
	request := ctrl.Request{NamespacedName: client.ObjectKeyFromObject(controlPlane)}
	outside := &play{pairs: map[string]string{}}
	for range 8 {
		_, err := reconciler.Reconcile(b.Context(), request)
		require.NoError(b, err)
		require.NoError(b, outside.advance(b.Context(), faults.World{Management: management, Namespace: "bench"}))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := reconciler.Reconcile(b.Context(), request); err != nil {
			b.Fatal(err)
		}
	}
}
