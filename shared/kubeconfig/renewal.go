// SPDX-License-Identifier: Apache-2.0

package kubeconfig

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/k0smotron/k0smotron/shared/pki"
)

// Standing is what a renewal is judged by.
type Standing struct {
	// Now is the time of the decision.
	Now time.Time
	// CA is the cluster CA.
	CA pki.CA
	// Admin is what the kubeconfig should be about.
	Admin Admin
	// Current is the kubeconfig at hand; empty when there is none.
	Current []byte
}

// RenewalOf decides whether the current kubeconfig is still good: it leads to
// the wanted server, trusts the cluster CA, and more than half of its
// certificate's life is left.
func RenewalOf(standing Standing) pki.Renewal {
	if len(standing.Current) == 0 {
		return pki.Renewal{Reason: "Missing", Message: "there is no kubeconfig yet"}
	}
	content, err := Parse(standing.Current)
	if err != nil {
		return pki.Renewal{Reason: "Unreadable", Message: err.Error()}
	}
	switch {
	case content.Server != standing.Admin.Server:
		return pki.Renewal{
			Reason:  "OtherServer",
			Message: fmt.Sprintf("the kubeconfig leads to %s, wanted is %s", content.Server, standing.Admin.Server),
		}
	case !bytes.Equal(bytes.TrimSpace(content.CA), bytes.TrimSpace(standing.CA.PEM)):
		return pki.Renewal{Reason: "OtherCA", Message: "the kubeconfig trusts another CA than the cluster's"}
	}
	return certificateRenewal(standing, content)
}

// certificateRenewal judges the client certificate, first by the rules of all
// our leaves, then by the earlier time at which a kubeconfig is renewed. One
// that lives as long as the CA is left alone: a new one would not live longer.
func certificateRenewal(standing Standing, content Content) pki.Renewal {
	leaf := pki.Standing{Now: standing.Now, CA: standing.CA, Wanted: pki.Admin(), Current: content.Client}
	if renewal := pki.RenewalOf(leaf); renewal.Due() {
		return renewal
	}
	certificate, err := pki.ParseCertificate(content.Client.Cert)
	if err != nil {
		return pki.Renewal{Reason: "Unreadable", Message: err.Error()}
	}
	if standing.Now.Before(halfTime(certificate)) || !certificate.NotAfter.Before(standing.CA.Certificate.NotAfter) {
		return pki.Renewal{}
	}
	return pki.Renewal{Reason: "Expiring", Message: "less than half of the life of the kubeconfig's certificate is left"}
}

// RenewalTime is when half of the certificate's life is over: when to look at
// the kubeconfig again. For one that lives as long as the CA it is its end.
func RenewalTime(content Content) (time.Time, error) {
	certificate, err := pki.ParseCertificate(content.Client.Cert)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading client certificate of kubeconfig: %w", err)
	}
	ca, err := pki.ParseCertificate(content.CA)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading CA of kubeconfig: %w", err)
	}
	if !certificate.NotAfter.Before(ca.NotAfter) {
		return certificate.NotAfter, nil
	}
	return halfTime(certificate), nil
}

func halfTime(certificate *x509.Certificate) time.Time {
	return certificate.NotAfter.Add(-certificate.NotAfter.Sub(certificate.NotBefore) / 2)
}
