// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/pki"
)

const (
	// leafLife is how long the certificates live that k0s issues on a controller when it starts.
	leafLife = 365 * 24 * time.Hour
	// expiryNotice is how long before their end people are told.
	expiryNotice = 90 * 24 * time.Hour
)

// reportExpiry tells when the first certificate in use expires. k0s renews its own only when it starts, which nobody sees
// from outside: counted is from the creation of the Machine, so a date may be too early, and never too late.
func (s *scope) reportExpiry() {
	authorities, first := s.authoritiesEnd()
	var expiring []string
	for _, machine := range s.machines {
		end := machine.CreationTimestamp.Add(leafLife)
		first = earlier(first, end)
		if s.expires(end) {
			expiring = append(expiring, machine.Name)
		}
	}
	if !first.IsZero() {
		s.controlPlane.Status.CertificatesExpiryDate = metav1.NewTime(first)
	}
	s.reportCurrent(authorities, expiring)
}

func (s *scope) reportCurrent(authorities, machines []string) {
	const condition = controlplanev1.CertificatesCurrentCondition
	var messages []string
	if len(authorities) > 0 {
		messages = append(messages, "authorities expire within 90 days: Secrets "+strings.Join(authorities, ", "))
	}
	if len(machines) > 0 {
		messages = append(messages, "certificates that k0s issues when it starts, as far as it has not been started since, "+
			"expire within 90 days: replace these Machines one at a time with kubectl delete machine: "+
			strings.Join(machines, ", "))
	}
	if len(messages) > 0 {
		conditions.False(s.controlPlane, condition, controlplanev1.ExpiringReason, strings.Join(messages, "; "))
		return
	}
	if s.pairs != nil {
		conditions.True(s.controlPlane, condition, controlplanev1.AvailableReason, "")
	}
}

// authoritiesEnd names the Secrets of the CAs that expire soon, and when the first of all does.
func (s *scope) authoritiesEnd() (expiring []string, first time.Time) {
	for _, purpose := range pki.Purposes() {
		pair, exists := s.pairs[purpose]
		if !exists || !purpose.IsCA() {
			continue
		}
		certificate, err := pki.ParseCertificate(pair.Cert)
		if err != nil {
			continue // It was checked when it was read.
		}
		first = earlier(first, certificate.NotAfter)
		if s.expires(certificate.NotAfter) {
			expiring = append(expiring, fmt.Sprintf("%s (%s)", purpose.SecretName(s.cluster.Name),
				certificate.NotAfter.UTC().Format(time.DateOnly)))
		}
	}
	return expiring, first
}

func (s *scope) expires(end time.Time) bool { return end.Sub(s.now) < expiryNotice }

// earlier is the first of two times; the zero time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}
