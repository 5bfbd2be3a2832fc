// SPDX-License-Identifier: Apache-2.0

// Package expiry tells monitoring what the status of control planes tells people: when the first certificate in use
// expires. It reads when it is scraped, and so keeps nothing that could outlive its control plane. Before the cache has
// started it tells nothing.
package expiry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// timeout bounds the read of the cache, which waits until it is filled.
const timeout = 5 * time.Second

// ControlPlane is one whose status tells when its first certificate expires.
type ControlPlane interface {
	client.Object
	// CertificatesExpire is when that is; the zero time while it is not known.
	CertificatesExpire() time.Time
}

// Collector is a prometheus.Collector.
type Collector struct {
	reader  client.Reader
	newList func() client.ObjectList
	ctx     func() (context.Context, context.CancelFunc)
	expiry  *prometheus.Desc
}

var _ prometheus.Collector = &Collector{}

// NewCollector returns a collector that lists control planes from a cache until ctx ends. newList makes the list to read
// them into.
func NewCollector(ctx context.Context, reader client.Reader, newList func() client.ObjectList) *Collector {
	return &Collector{
		reader: reader, newList: newList,
		ctx: func() (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, timeout) },
		expiry: prometheus.NewDesc("k0smotron_controlplane_certificates_expiry_timestamp_seconds",
			"When the first certificate in use of a control plane expires.", []string{"namespace", "name"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- c.expiry }

// Collect implements prometheus.Collector.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := c.ctx()
	defer cancel()
	list := c.newList()
	err := c.reader.List(ctx, list, client.UnsafeDisableDeepCopy)
	if err == nil {
		err = meta.EachListItem(list, func(object runtime.Object) error { return c.collect(object, metrics) })
	}
	if _, early := errors.AsType[*cache.ErrCacheNotStarted](err); err != nil && !early {
		metrics <- prometheus.NewInvalidMetric(c.expiry, err)
	}
}

func (c *Collector) collect(object runtime.Object, metrics chan<- prometheus.Metric) error {
	controlPlane, ok := object.(ControlPlane)
	if !ok {
		return fmt.Errorf("%T does not tell when its certificates expire", object)
	}
	if expires := controlPlane.CertificatesExpire(); !expires.IsZero() {
		metrics <- prometheus.MustNewConstMetric(c.expiry, prometheus.GaugeValue,
			float64(expires.Unix()), controlPlane.GetNamespace(), controlPlane.GetName())
	}
	return nil
}
