// SPDX-License-Identifier: Apache-2.0

// Package expiry tells monitoring what the status of control planes tells people: when the first certificate in use
// expires. It reads when it is scraped, and so keeps nothing that could outlive its control plane.
package expiry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// timeout bounds the read of the cache, which waits until it is filled.
const timeout = 5 * time.Second

// Date is when the first certificate of a control plane expires; the zero time when that is not known.
type Date struct {
	ControlPlane client.ObjectKey
	Expires      time.Time
}

// Collector is a prometheus.Collector.
type Collector struct {
	list   func(context.Context) ([]Date, error)
	ctx    func() (context.Context, context.CancelFunc)
	expiry *prometheus.Desc
}

var _ prometheus.Collector = &Collector{}

// NewCollector returns a collector that lists the control planes, from a cache, until ctx ends.
func NewCollector(ctx context.Context, list func(context.Context) ([]Date, error)) *Collector {
	return &Collector{
		list: list,
		ctx:  func() (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, timeout) },
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
	dates, err := c.list(ctx)
	if err != nil {
		metrics <- prometheus.NewInvalidMetric(c.expiry, err)
		return
	}
	for _, date := range dates {
		if !date.Expires.IsZero() {
			metrics <- prometheus.MustNewConstMetric(c.expiry, prometheus.GaugeValue,
				float64(date.Expires.Unix()), date.ControlPlane.Namespace, date.ControlPlane.Name)
		}
	}
}
