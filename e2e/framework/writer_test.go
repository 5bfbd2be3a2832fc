// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

func TestOutagesAreMeasuredFromTheLastSuccess(t *testing.T) {
	t.Parallel()
	refused, unavailable := errors.New("connection\nrefused"), errors.New("unavailable")
	type attempt struct {
		at  int
		err error
	}
	for name, c := range map[string]struct {
		attempts []attempt
		longest  int
		says     string
		failures int
	}{
		"none":           {attempts: []attempt{{1, nil}, {9, nil}}},
		"one":            {attempts: []attempt{{1, nil}, {2, refused}, {4, nil}}, longest: 3, says: "connection refused", failures: 1},
		"the longer one": {attempts: []attempt{{1, refused}, {2, nil}, {3, refused}, {4, unavailable}, {7, nil}}, longest: 5, says: "unavailable", failures: 3},
		"from the start": {attempts: []attempt{{3, refused}, {6, nil}}, longest: 6, says: "connection refused", failures: 1},
		"to the end":     {attempts: []attempt{{1, nil}, {2, refused}, {8, refused}}, longest: 9, says: "connection refused", failures: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			second := func(n int) time.Time { return time.Unix(int64(n), 0) }
			o := &outages{}
			o.begin(second(0))
			for _, attempt := range c.attempts {
				o.note(second(attempt.at), attempt.err)
			}
			longest, err := o.longest(second(10))
			assert.InDelta(t, c.longest, longest.Seconds(), 0)
			assert.Equal(t, c.failures, o.failures)
			if c.says == "" {
				assert.NoError(t, err)
			} else {
				assert.EqualError(t, err, c.says)
			}
		})
	}
}

func TestAWriterKnowsWhatIsLost(t *testing.T) {
	t.Parallel()
	var attempts atomic.Int32
	c := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			switch attempts.Add(1) {
			case 2:
				return errors.New("connection refused")
			case 4: // It is there, and the answer is lost.
				return errors.Join(c.Create(ctx, object, options...), errors.New("connection reset"))
			default:
				return c.Create(ctx, object, options...)
			}
		},
	}).Build()
	w := newWriter(c, time.Millisecond)
	ctx, stop := context.WithCancel(t.Context())
	w.stop = stop
	go w.run(ctx)
	require.Eventually(t, func() bool { return attempts.Load() > 8 }, 10*time.Second, time.Millisecond)
	longest := w.Stop(t)
	assert.Positive(t, longest)
	assert.Equal(t, 2, w.outages.failures)

	require.NoError(t, c.Delete(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "written-000002"},
	}))
	lost, err := w.lost(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"written-000002"}, lost)
}

func TestWhatIsThereAlreadyWasWritten(t *testing.T) {
	t.Parallel()
	c := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
		Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
			return apierrors.NewAlreadyExists(schema.GroupResource{Resource: "configmaps"}, "written-000000")
		},
	}).Build()
	assert.NoError(t, newWriter(c, time.Millisecond).write(t.Context(), "written-000000"))
}
