// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k0smotron/k0smotron/shared/apply"
)

// lagging is a cache that answers one read after the other with these versions, and stays at the last one.
func lagging(versions ...string) (client.Client, *int) {
	reads := 0
	return fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
		Get: func(_ context.Context, _ client.WithWatch, _ client.ObjectKey, object client.Object, _ ...client.GetOption) error {
			version := versions[min(reads, len(versions)-1)]
			reads++
			switch version {
			case "gone":
				return apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, "tiger")
			case "broken":
				return errors.New("no cache")
			}
			object.SetResourceVersion(version)
			return nil
		},
	}).Build(), &reads
}

func TestSettle(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason   string
		versions []string
		reads    int
	}{
		"There":   {"the cache has it already", []string{"100"}, 1},
		"Lags":    {"it is waited for", []string{"98", "99", "100"}, 3},
		"Newer":   {"versions are numbers: somebody else has written since", []string{"99", "1000"}, 2},
		"Gone":    {"nothing will come", []string{"99", "gone"}, 2},
		"Broken":  {"the next pass will find out", []string{"99", "broken"}, 2},
		"Unclear": {"what cannot be compared is not waited for", []string{"new"}, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cache, reads := lagging(tc.versions...)
			written := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "tiger", ResourceVersion: "100"}}
			apply.New(cache, "test").Settle(t.Context(), written)
			assert.Equal(t, tc.reads, *reads, tc.reason)
			assert.Equal(t, "100", written.ResourceVersion)
		})
	}
}

func TestSettleGivesUp(t *testing.T) {
	t.Parallel()
	cache, reads := lagging("99")
	written := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "tiger", ResourceVersion: "100"}}
	started := time.Now()
	apply.New(cache, "test").Settle(t.Context(), written)
	assert.Greater(t, time.Since(started), 500*time.Millisecond)
	assert.Less(t, *reads, 20, "the longer it takes, the less often")

	stopped, stop := context.WithCancel(t.Context())
	stop()
	*reads = 0
	apply.New(cache, "test").Settle(stopped, written)
	assert.LessOrEqual(t, *reads, 1, "the manager stops")
}
