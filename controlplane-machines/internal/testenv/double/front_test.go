// SPDX-License-Identifier: Apache-2.0

package double_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/testenv/double"
	"github.com/k0smotron/k0smotron/shared/clusterconfig"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// TestFront: a client and a cache see through TLS what is in memory, and k0s takes its configuration.
func TestFront(t *testing.T) {
	w := newWorld(t, func(o *double.Options) { o.Workload = double.InMemory() })
	front := w.Serve(t)
	config := w.certified(front)
	direct, err := client.New(config, client.Options{Scheme: env.Scheme})
	require.NoError(t, err)
	_, err = double.List(t.Context(), direct, double.EtcdMemberKind)
	require.Error(t, err, "nobody answers yet")

	w.controller("m1")
	for range 2 {
		require.NoError(t, front.Turn(t.Context()))
	}
	watching, err := cache.New(config, cache.Options{Scheme: env.Scheme})
	require.NoError(t, err)
	go func() { assert.NoError(t, watching.Start(t.Context())) }()
	require.True(t, watching.WaitForCacheSync(t.Context()))
	read := func() k0snode.Objects {
		objects, err := k0snode.Reader{Objects: watching, Leases: direct}.Read(t.Context())
		require.NoError(t, err)
		return objects
	}
	assert.Equal(t, w.objects(), read())

	w.askToLeave("m1")
	require.Eventually(t, func() bool { return read().Members[0].Leave }, 10*time.Second, 10*time.Millisecond)

	assert.Zero(t, front.Writes())
	access := clusterconfig.Access{Client: direct, FieldOwner: "test"}
	wanted := testenv.ClusterConfig(map[string]any{"a": "1"})
	done, err := access.Apply(t.Context(), wanted)
	require.NoError(t, err)
	assert.True(t, done)
	assert.EqualValues(t, 1, front.Writes())
	opinion, err := access.Opinion(t.Context(), wanted.GroupVersionKind().GroupVersion())
	require.NoError(t, err)
	assert.Equal(t, clusterconfig.VerdictReconciled, opinion.Verdict)

	nodes := &metav1.PartialObjectMetadataList{}
	nodes.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NodeList"))
	require.NoError(t, direct.List(t.Context(), nodes))
	assert.Empty(t, nodes.Items)
	missing := direct.Get(t.Context(), client.ObjectKey{Name: "nobody"}, k0snode.EtcdMemberObject("nobody"))
	assert.True(t, apierrors.IsNotFound(missing), "%v", missing)
}

// certified makes the CA, and is the access of somebody who trusts it.
func (w *world) certified(front *double.Front) *rest.Config {
	w.t.Helper()
	pair, err := pki.Issuer{Clock: clock.RealClock{}, Random: rand.Reader}.Pair(pki.KubernetesCA)
	require.NoError(w.t, err)
	env.Create(w.t, testenv.Secret(w.namespace, pki.KubernetesCA.SecretName(w.cluster.Name), map[string]string{
		corev1.TLSCertKey: string(pair.Cert), corev1.TLSPrivateKeyKey: string(pair.Key),
	}))
	return &rest.Config{
		Host:            "https://" + front.Address.String(),
		TLSClientConfig: rest.TLSClientConfig{CAData: pair.Cert},
	}
}
