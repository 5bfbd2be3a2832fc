// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// writtenLabel is on all that a Writer writes.
const writtenLabel = "lab.k0smotron.io/written"

// Writer writes to a cluster all the time, one object after the other, and remembers what was acknowledged.
type Writer struct {
	client       client.Client
	pause        time.Duration
	stop         context.CancelFunc
	done         chan struct{}
	acknowledged map[string]bool
	outages      outages
}

// Writes begins to write to the cluster. It ends with Stop, or with the test.
func (c Cluster) Writes(t *testing.T) *Writer {
	t.Helper()
	w := newWriter(c.Workload(t), 50*time.Millisecond)
	ctx, stop := context.WithCancel(t.Context())
	w.stop = stop
	go w.run(ctx)
	t.Cleanup(stop)
	return w
}

func newWriter(c client.Client, pause time.Duration) *Writer {
	return &Writer{client: c, pause: pause, done: make(chan struct{}), acknowledged: map[string]bool{}}
}

// run writes until ctx ends. What was not acknowledged is written again under its name: it may be there all the same.
func (w *Writer) run(ctx context.Context) {
	defer close(w.done)
	w.outages.begin(time.Now())
	for number := 0; ctx.Err() == nil; {
		name := fmt.Sprintf("written-%06d", number)
		err := w.write(ctx, name)
		if ctx.Err() != nil {
			return
		}
		w.outages.note(time.Now(), err)
		if err == nil {
			w.acknowledged[name] = true
			number++
		}
		select {
		case <-ctx.Done():
		case <-time.After(w.pause):
		}
	}
}

func (w *Writer) write(ctx context.Context, name string) error {
	err := w.client.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Namespace: metav1.NamespaceDefault, Name: name, Labels: map[string]string{writtenLabel: ""},
	}})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// Stop ends the writing, fails the test if something that was acknowledged is not there, and returns the longest time in
// which nothing could be written.
func (w *Writer) Stop(t *testing.T) time.Duration {
	t.Helper()
	w.stop()
	<-w.done
	longest, err := w.outages.longest(time.Now())
	t.Logf("%d writes were acknowledged, %d failed; the longest error took %.1f s: %v",
		len(w.acknowledged), w.outages.failures, longest.Seconds(), err)
	require.NotEmpty(t, w.acknowledged, "writes that were acknowledged")
	var lost []string
	Eventually(t, time.Minute, func() (err error) {
		lost, err = w.lost(t.Context())
		return err
	})
	assert.Empty(t, lost, "writes that were acknowledged and are lost")
	return longest
}

// lost are the names of objects that were acknowledged and are not there.
func (w *Writer) lost(ctx context.Context) ([]string, error) {
	list := &corev1.ConfigMapList{}
	if err := w.client.List(ctx, list, client.HasLabels{writtenLabel}); err != nil {
		return nil, fmt.Errorf("reading what was written: %w", err)
	}
	missing := maps.Clone(w.acknowledged)
	for i := range list.Items {
		delete(missing, list.Items[i].Name)
	}
	return slices.Sorted(maps.Keys(missing)), nil
}

// outages measures times in which every attempt failed.
type outages struct {
	// since is when the last attempt succeeded, or the first one began.
	since time.Time
	// last is the error of the outage that goes on, if any.
	last     error
	failures int
	most     time.Duration
	worst    error
}

func (o *outages) begin(now time.Time) { o.since = now }

// note takes down how an attempt ended.
func (o *outages) note(now time.Time, err error) {
	if err != nil {
		o.failures++
		o.last = err
		return
	}
	o.close(now)
	o.since = now
}

// close measures the outage that goes on.
func (o *outages) close(now time.Time) {
	if took := now.Sub(o.since); o.last != nil && took > o.most {
		o.most, o.worst = took, oneLine(o.last)
	}
	o.last = nil
}

// longest is how long the worst outage took, and its last error.
func (o *outages) longest(now time.Time) (time.Duration, error) {
	o.close(now)
	return o.most, o.worst
}

func oneLine(err error) error { return errors.New(strings.Join(strings.Fields(err.Error()), " ")) }
