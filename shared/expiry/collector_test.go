// SPDX-License-Identifier: Apache-2.0

package expiry_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/expiry"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// controlPlane is a ConfigMap that knows when certificates expire.
type controlPlane struct {
	corev1.ConfigMap

	expires time.Time
}

func (c *controlPlane) CertificatesExpire() time.Time { return c.expires }

func named(name string, expires time.Time) *controlPlane {
	c := &controlPlane{expires: expires}
	c.Namespace, c.Name = "zoo", name
	return c
}

// reader answers every list with the same objects.
type reader struct {
	client.Reader

	objects []runtime.Object
	err     error
}

func (r reader) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	return errors.Join(r.err, meta.SetList(list, r.objects))
}

// controlPlanes is a list of any objects.
type controlPlanes struct {
	corev1.List

	Items []runtime.Object
}

func collector(t *testing.T, from reader) *expiry.Collector {
	t.Helper()
	return expiry.NewCollector(t.Context(), from, func() client.ObjectList { return &controlPlanes{} })
}

func TestCollector(t *testing.T) {
	t.Parallel()
	const want = `
# HELP k0smotron_controlplane_certificates_expiry_timestamp_seconds When the first certificate in use of a control plane expires.
# TYPE k0smotron_controlplane_certificates_expiry_timestamp_seconds gauge
k0smotron_controlplane_certificates_expiry_timestamp_seconds{name="tiger",namespace="zoo"} 1.8934992e+09
`
	from := reader{objects: []runtime.Object{named("tiger", testenv.Now), named("new", time.Time{})}}
	require.NoError(t, testutil.CollectAndCompare(collector(t, from), strings.NewReader(want)))
}

func TestCollectorBeforeTheCacheHasStarted(t *testing.T) {
	t.Parallel()
	from := reader{err: &cache.ErrCacheNotStarted{}}
	require.NoError(t, testutil.CollectAndCompare(collector(t, from), strings.NewReader("")))
}

func TestCollectorFails(t *testing.T) {
	t.Parallel()
	for message, from := range map[string]reader{
		"not yet":                           {err: errors.New("not yet")},
		"*v1.Secret does not tell when its": {objects: []runtime.Object{&corev1.Secret{}}},
	} {
		require.ErrorContains(t, testutil.CollectAndCompare(collector(t, from), strings.NewReader("")), message)
	}
}
