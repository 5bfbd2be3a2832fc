// SPDX-License-Identifier: Apache-2.0

package expiry_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/expiry"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

func TestCollector(t *testing.T) {
	t.Parallel()
	const want = `
# HELP k0smotron_controlplane_certificates_expiry_timestamp_seconds When the first certificate in use of a control plane expires.
# TYPE k0smotron_controlplane_certificates_expiry_timestamp_seconds gauge
k0smotron_controlplane_certificates_expiry_timestamp_seconds{name="tiger",namespace="zoo"} 1.8934992e+09
`
	list := func(ctx context.Context) ([]expiry.Date, error) {
		deadline, bounded := ctx.Deadline()
		assert.True(t, bounded)
		assert.WithinDuration(t, time.Now(), deadline, 5*time.Second)
		return []expiry.Date{
			{ControlPlane: client.ObjectKey{Namespace: "zoo", Name: "tiger"}, Expires: testenv.Now},
			{ControlPlane: client.ObjectKey{Namespace: "zoo", Name: "new"}},
		}, nil
	}
	require.NoError(t, testutil.CollectAndCompare(expiry.NewCollector(t.Context(), list), strings.NewReader(want)))
}

func TestCollectorWithoutCache(t *testing.T) {
	t.Parallel()
	list := func(context.Context) ([]expiry.Date, error) { return nil, errors.New("not yet") }
	err := testutil.CollectAndCompare(expiry.NewCollector(t.Context(), list), strings.NewReader(""))
	require.ErrorContains(t, err, "not yet")
}
