// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controller/controlplane"
)

// figure is what was measured, and the most that it may be.
type figure struct {
	name         string
	value, limit float64
}

// report also tells the figures of a benchmark that has failed: Go would leave them out.
func report(b *testing.B, figures []figure) {
	b.Helper()
	for _, f := range figures {
		b.ReportMetric(f.value, f.name)
		if f.value > f.limit {
			b.Errorf("%s is above its limit", f.name)
		}
	}
	if b.Failed() {
		b.Log(figures)
	}
}

func (f figure) String() string {
	if math.IsInf(f.limit, 1) {
		return fmt.Sprintf("%s: %.2f", f.name, f.value)
	}
	return fmt.Sprintf("%s: %.2f, at most %.0f", f.name, f.value, f.limit)
}

// writes counts requests that are no reads, by what is done to which resource, and how long they took.
type writes struct {
	mutex sync.Mutex
	kinds map[string]int
	took  time.Duration
}

var resourceOf = regexp.MustCompile(`/namespaces/[^/]+/([^/]+)(?:/[^/]+(/[^/]+)?)?$`)

// counted returns a transport that counts.
func (w *writes) counted(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		if request.Method == http.MethodGet {
			return next.RoundTrip(request)
		}
		w.add(request.Method + " " + resourceOf.ReplaceAllString(request.URL.Path, "/$1$2"))
		began := time.Now()
		response, err := next.RoundTrip(request)
		w.lasted(time.Since(began))
		return response, err
	})
}

func (w *writes) add(kind string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.kinds == nil {
		w.kinds = map[string]int{}
	}
	w.kinds[kind]++
}

func (w *writes) lasted(took time.Duration) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.took += took
}

func (w *writes) count() float64 {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	sum := 0
	for _, count := range w.kinds {
		sum += count
	}
	return float64(sum)
}

// average is what one took, in milliseconds.
func (w *writes) average() float64 {
	count := w.count()
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return float64(w.took.Milliseconds()) / max(count, 1)
}

func (w *writes) String() string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	lines := make([]string, 0, len(w.kinds))
	for kind, count := range w.kinds {
		lines = append(lines, fmt.Sprintf("%6d %s", count, kind))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// histogram counts passes that took at most so many seconds; the last bound is infinite.
type histogram map[float64]float64

// passes are those of the controller since this process began, from its own metrics.
func passes(b *testing.B) histogram {
	b.Helper()
	families, err := metrics.Registry.Gather()
	require.NoError(b, err)
	counted := histogram{}
	for _, family := range families {
		if family.GetName() != "controller_runtime_reconcile_time_seconds" {
			continue
		}
		for _, metric := range family.GetMetric() {
			if metric.GetLabel()[0].GetValue() != controlplane.Kind {
				continue
			}
			for _, bucket := range metric.GetHistogram().GetBucket() {
				counted[bucket.GetUpperBound()] = float64(bucket.GetCumulativeCount())
			}
			counted[math.Inf(1)] = float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return counted
}

func (h histogram) since(before histogram) histogram {
	after := histogram{}
	for bound, count := range h {
		after[bound] = count - before[bound]
	}
	return after
}

func (h histogram) count() float64 { return h[math.Inf(1)] }

// quantile is read off as Prometheus does: between two bounds, evenly; above the last one, that.
func (h histogram) quantile(share float64) float64 {
	rank, low, below := share*h.count(), 0.0, 0.0
	for _, bound := range slices.Sorted(maps.Keys(h)) {
		if h[bound] < rank {
			low, below = bound, h[bound]
			continue
		}
		if math.IsInf(bound, 1) || h[bound] == below {
			return low
		}
		return low + (bound-low)*(rank-below)/(h[bound]-below)
	}
	return low
}

func (h histogram) String() string {
	var lines []string
	below := 0.0
	for _, bound := range slices.Sorted(maps.Keys(h)) {
		if h[bound] > below {
			lines = append(lines, fmt.Sprintf("%6.0f up to %v s", h[bound]-below, bound))
		}
		below = h[bound]
	}
	return strings.Join(lines, "\n")
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	before := histogram{0.1: 5, 0.2: 5, math.Inf(1): 5}
	after := histogram{0.1: 95, 0.2: 104, math.Inf(1): 105}.since(before)
	assert.InDelta(t, 100, after.count(), 0)
	assert.InDelta(t, 0.05, after.quantile(0.45), 1e-9)
	assert.InDelta(t, 0.2, after.quantile(0.99), 1e-9)
	assert.InDelta(t, 0.2, after.quantile(0.995), 1e-9, "no bound is known")
	assert.Zero(t, histogram{}.quantile(0.99))
}
