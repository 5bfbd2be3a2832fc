// SPDX-License-Identifier: Apache-2.0

package metrics_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/metrics"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

func controlPlane(name string, expiry metav1.Time) *controlplanev1.K0smotronControlPlane {
	c := &controlplanev1.K0smotronControlPlane{ObjectMeta: metav1.ObjectMeta{Namespace: "zoo", Name: name}}
	c.Status.CertificatesExpiryDate = expiry
	return c
}

func TestCollector(t *testing.T) {
	t.Parallel()
	reader := fake.NewClientBuilder().WithScheme(testenv.MustScheme(controlplanev1.AddToScheme)).WithObjects(
		controlPlane("tiger", metav1.NewTime(testenv.Now)), controlPlane("new", metav1.Time{}),
	).Build()
	const want = `
# HELP k0smotron_controlplane_certificates_expiry_timestamp_seconds When the first certificate in use of a hosted control plane expires.
# TYPE k0smotron_controlplane_certificates_expiry_timestamp_seconds gauge
k0smotron_controlplane_certificates_expiry_timestamp_seconds{name="tiger",namespace="zoo"} 1.8934992e+09
`
	require.NoError(t, testutil.CollectAndCompare(metrics.NewCollector(t.Context(), reader), strings.NewReader(want)))
}

func TestCollectorWithoutCache(t *testing.T) {
	t.Parallel()
	reader := fake.NewClientBuilder().WithScheme(testenv.MustScheme(controlplanev1.AddToScheme)).WithInterceptorFuncs(
		interceptor.Funcs{List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return errors.New("not yet")
		}},
	).Build()
	err := testutil.CollectAndCompare(metrics.NewCollector(t.Context(), reader), strings.NewReader(""))
	require.ErrorContains(t, err, "not yet")
}
