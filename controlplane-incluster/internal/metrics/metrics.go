// SPDX-License-Identifier: Apache-2.0

// Package metrics tells monitoring what the status tells people: it reads the cache when it is scraped, and so keeps
// nothing that could outlive its control plane.
package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
)

// timeout bounds the read of the cache, which waits until it is filled.
const timeout = 5 * time.Second

// Collector collects metrics about control planes.
type Collector struct {
	reader client.Reader
	ctx    func() (context.Context, context.CancelFunc)
	expiry *prometheus.Desc
}

var _ prometheus.Collector = &Collector{}

// NewCollector returns a collector that reads control planes from a cache until ctx ends.
func NewCollector(ctx context.Context, reader client.Reader) *Collector {
	return &Collector{
		reader: reader,
		ctx:    func() (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, timeout) },
		expiry: prometheus.NewDesc("k0smotron_controlplane_certificates_expiry_timestamp_seconds",
			"When the first certificate in use of a hosted control plane expires.", []string{"namespace", "name"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- c.expiry }

// Collect implements prometheus.Collector.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := c.ctx()
	defer cancel()
	controlPlanes := &controlplanev1.K0smotronControlPlaneList{}
	if err := c.reader.List(ctx, controlPlanes); err != nil {
		metrics <- prometheus.NewInvalidMetric(c.expiry, err)
		return
	}
	for i := range controlPlanes.Items {
		controlPlane := &controlPlanes.Items[i]
		if controlPlane.Status.CertificatesExpiryDate.IsZero() {
			continue
		}
		metrics <- prometheus.MustNewConstMetric(c.expiry, prometheus.GaugeValue,
			float64(controlPlane.Status.CertificatesExpiryDate.Unix()), controlPlane.Namespace, controlPlane.Name)
	}
}
